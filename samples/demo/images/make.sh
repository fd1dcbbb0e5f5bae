#!/usr/bin/env bash
# Makes the demo's images with the real tools: a small disk image in Flatcar's format (GPT, EFI partition with a kernel, USR
# as btrfs with dm-verity, OEM, ROOT), the sysexts of its node set, and the ones that dishonest nodes run instead.
#
#   sudo samples/demo/images/make.sh
#
# Wants root (loop mounts of btrfs), Go, gcc, and the Debian packages
#   btrfs-progs cryptsetup-bin dosfstools mtools e2fsprogs gdisk squashfs-tools erofs-utils openssl zstd bzip2.
# Writes IMAGE.zst beside itself. The layout is Flatcar's (flatcar/scripts, build_library/disk_layout.json and disk_util);
# sizes are smaller, so that the files can be committed.
set -euo pipefail
export LC_ALL=C PATH="$PATH:/usr/sbin:/sbin:/usr/local/go/bin" SOURCE_DATE_EPOCH=1786492200

here=$(cd "$(dirname "$0")" && pwd)
. "$here/../../flatcar-layout.sh"
work=$(mktemp -d)
trap 'cleanup_mount; rm -rf "$work"' EXIT

version=4593.2.5
fs_bytes=$((24 * 1024 * 1024))
disk=$work/flatcar_production_image.bin

main() {
  make_programs
  make_sysext kubernetes-v1.34.2-x86-64 kubernetes "$work/kubelet" "ID=_any" "ARCHITECTURE=x86-64"
  make_sysext kubernetes-rebuilt kubernetes "$work/kubelet-rebuilt" "ID=_any" "ARCHITECTURE=x86-64"
  make_sysext backdoor backdoor "$work/tool" "ID=_any"
  make_shadow
  make_ddi falco falco "$work/falco"
  make_ddi falco-rebuilt falco "$work/falco-rebuilt"
  make_usr
  make_disk
  (cd "$work" && zstd -q -19 --long=27 -T0 flatcar_production_image.bin ./*.raw)
  mv "$work"/*.zst "$here/"
  cp "$work/sysexts.crt" "$here/sysexts.crt"
  ls -l "$here"
}

# Go programs with real build information: a main module with dependencies and their hashes.
make_programs() {
  mkdir -p "$work/src"
  cat >"$work/src/go.mod" <<'END'
module example.org/nodeproof/demo

go 1.26

require (
	github.com/google/uuid v1.6.0
	golang.org/x/text v0.38.0
)
END
  cat >"$work/src/main.go" <<'END'
package main

import (
	"fmt"

	"github.com/google/uuid"
	"golang.org/x/text/language"
)

var gitVersion = "v1.34.2"

func main() { fmt.Println(gitVersion, uuid.NameSpaceDNS, language.English) }
END
  (cd "$work/src" && GOFLAGS=-mod=mod go mod tidy 2>/dev/null)
  build_go kubelet v1.34.2
  build_go kubelet-rebuilt v1.34.2-rebuilt
  build_go falco 0.41.3
  build_go falco-rebuilt 0.41.3-rebuilt
  printf 'int main(void){return 0;}' >"$work/tool.c"
  gcc -Os -s -static -nostdlib -Wl,--build-id=none -x c - -o "$work/tool" <<'END'
void _start(void) { __asm__("mov $60, %eax; xor %edi, %edi; syscall"); }
END
}

build_go() {
  (cd "$work/src" && CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w -X main.gitVersion=$2" -o "$work/$1" .)
}

# extension_tree DIR NAME LINE...
extension_tree() {
  local tree=$1 name=$2
  shift 2
  mkdir -p "$tree/usr/bin" "$tree/usr/lib/extension-release.d"
  printf '%s\n' "$@" >"$tree/usr/lib/extension-release.d/extension-release.$name"
}

# make_sysext FILE NAME PROGRAM LINE...: as the sysext bakery makes them.
make_sysext() {
  local file=$1 name=$2 program=$3 tree=$work/tree-$1
  shift 3
  extension_tree "$tree" "$name" "$@"
  install -m 0755 "$program" "$tree/usr/bin/$(basename "${program%-rebuilt}")"
  squash "$tree" "$work/$file.raw"
}

# An extension that replaces the os-release of its host.
make_shadow() {
  extension_tree "$work/tree-shadow" shadow "ID=_any"
  mkdir -p "$work/tree-shadow/usr/lib"
  flatcar_os_release 9999.9.9 >"$work/tree-shadow/usr/lib/os-release"
  squash "$work/tree-shadow" "$work/shadow.raw"
}

squash() {
  mksquashfs "$1" "$2" -all-root -noappend -comp zstd -Xcompression-level 19 -b 512k -quiet -no-progress
}

# make_ddi FILE NAME PROGRAM: a root partition of erofs, its verity partition, and its signature partition, as systemd-repart
# --make-ddi=sysext makes them. The partitions' ids are the halves of the root hash.
make_ddi() {
  local file=$1 name=$2 program=$3 tree=$work/tree-$1 root=$work/$1.root hashes=$work/$1.verity hash
  extension_tree "$tree" "$name" "ID=flatcar" "VERSION_ID=$version" "ARCHITECTURE=x86-64"
  install -m 0755 "$program" "$tree/usr/bin/falco"
  find "$tree" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
  mkfs.erofs -zlz4hc,12 -T "$SOURCE_DATE_EPOCH" -U 00000000-0000-0000-0000-000000000000 --all-root "$root" "$tree" >/dev/null
  truncate -s %4096 "$root"
  hash=$(veritysetup format --salt="$(printf %064d 7)" --uuid=11111111-1111-4111-8111-111111111111 "$root" "$hashes" |
    sed -n 's/^Root hash:[[:space:]]*//p')
  sign_root_hash "$hash" >"$work/$file.sig"
  assemble_ddi "$work/$file.raw" "$root" "$hashes" "$work/$file.sig" "$hash"
}

# The JSON of a signature partition, 16 KiB with its padding (systemd, repart.c).
sign_root_hash() {
  if [ ! -f "$work/sysexts.key" ]; then
    openssl req -x509 -newkey rsa:2048 -nodes -days 36500 -subj "/CN=Flatcar sysext key (demo)" \
      -keyout "$work/sysexts.key" -out "$work/sysexts.crt" 2>/dev/null
  fi
  printf %s "$1" >"$work/roothash"
  printf '{"rootHash":"%s","certificateFingerprint":"%s","signature":"%s"}' "$1" \
    "$(openssl x509 -in "$work/sysexts.crt" -outform DER | sha256sum | cut -d' ' -f1)" \
    "$(openssl smime -sign -nocerts -noattr -binary -in "$work/roothash" -inkey "$work/sysexts.key" \
      -signer "$work/sysexts.crt" -outform DER | base64 -w0)" >"$work/signature.json"
  truncate -s 16384 "$work/signature.json"
  cat "$work/signature.json"
}

assemble_ddi() {
  local image=$1 root=$2 hashes=$3 signature=$4 hash=$5
  local a b c
  a=$(sectors "$root") b=$(sectors "$hashes") c=$(sectors "$signature")
  truncate -s $(((2048 + a + b + c + 3 * 2048 + 34) * 512)) "$image"
  sgdisk --clear --set-alignment=8 --disk-guid=22222222-2222-4222-8222-222222222222 \
    --new=1:2048:+"$a" --typecode=1:4f68bce3-e8cd-4db1-96e7-fbcaf984b709 --change-name=1:root-x86-64 \
    --partition-guid=1:"$(guid_of "${hash:0:32}")" \
    --new=2:$((2048 + a + 8)):+"$b" --typecode=2:2c7357ed-ebd2-46d9-aec1-23d437ec2bf5 --change-name=2:root-x86-64-verity \
    --partition-guid=2:"$(guid_of "${hash:32:32}")" \
    --new=3:$((2048 + a + b + 16)):+"$c" --typecode=3:41092b05-9fc8-4523-994f-2def0408b176 \
    --change-name=3:root-x86-64-verity-sig --partition-guid=3:33333333-3333-4333-8333-333333333333 "$image" >/dev/null
  place_sectors "$root" "$image" 2048
  place_sectors "$hashes" "$image" $((2048 + a + 8))
  place_sectors "$signature" "$image" $((2048 + a + b + 16))
}

# --- the node image ------------------------------------------------------------------------------------------------------

make_usr() {
  local usr=$work/usr name
  mkdir -p "$usr/bin" "$usr/lib/systemd" "$usr/lib/modules/6.12.102-flatcar" "$usr/share/SLSA" "$usr/share/licenses" \
    "$usr/share/flatcar/sysext" "$usr/share/flatcar/etc/extensions"
  flatcar_os_release "$version" >"$usr/lib/os-release"
  for name in lib/systemd/systemd bin/bash bin/true; do install -m 0755 "$work/tool" "$usr/$name"; done
  install -m 0755 "$work/kubelet" "$usr/bin/update-ssh-keys"
  flatcar_package_records "$usr" "$work" 40
  for name in containerd docker; do
    make_sysext "$name-flatcar" "$name-flatcar" "$work/tool" "ID=flatcar" "VERSION_ID=$version" "ARCHITECTURE=x86-64"
    mv "$work/$name-flatcar.raw" "$usr/share/flatcar/sysext/"
    ln -s "/usr/share/flatcar/sysext/$name-flatcar.raw" "$usr/share/flatcar/etc/extensions/$name-flatcar.raw"
  done
  truncate -s $((fs_bytes + 1024 * 1024)) "$work/usr.img"
  mkfs.btrfs -q --mixed -m single -d single -U 44444444-4444-4444-8444-444444444444 --byte-count "$fs_bytes" "$work/usr.img" >/dev/null
  fill_btrfs "$work/usr.img" "$usr" zstd "$work"
  veritysetup format --hash=sha256 --data-block-size 4096 --hash-block-size 4096 --data-blocks $((fs_bytes / 4096)) \
    --hash-offset "$fs_bytes" "$work/usr.img" "$work/usr.img" | sed -n 's/^Root hash:[[:space:]]*//p' >"$work/usrhash"
}

make_disk() {
  make_kernel "$work/vmlinuz-a" "$(cat "$work/usrhash")" $((64 * 1024))
  truncate -s 16M "$work/efi.img"
  mkfs.vfat -F 16 -n EFI-SYSTEM "$work/efi.img" >/dev/null
  mmd -i "$work/efi.img" ::flatcar
  mcopy -i "$work/efi.img" "$work/vmlinuz-a" ::flatcar/vmlinuz-a
  mkdir -p "$work/oem" "$work/root/opt/extensions"
  printf '# GRUB settings of the OEM\n' >"$work/oem/grub.cfg"
  truncate -s 16M "$work/oem.img"
  mkfs.btrfs -q --mixed -m single -d single -L OEM "$work/oem.img" >/dev/null
  fill_btrfs "$work/oem.img" "$work/oem" zlib "$work"
  mke2fs -q -t ext4 -L ROOT -d "$work/root" "$work/root.img" 8M >/dev/null
  truncate -s 128M "$disk"
  sgdisk --clear --set-alignment=4096 --disk-guid=00000000-0000-0000-0000-000000000001 \
    --new=1:4096:+32768 --typecode=1:c12a7328-f81f-11d2-ba4b-00a0c93ec93b --change-name=1:EFI-SYSTEM \
    --new=2:36864:+4096 --typecode=2:21686148-6449-6e6f-744e-656564454649 --change-name=2:BIOS-BOOT \
    --new=3:40960:+65536 --typecode=3:5dfbf5f4-2848-4bac-aa5e-0d9a20b745a6 --change-name=3:USR-A \
    --partition-guid=3:7130c94a-213a-4e5a-8e26-6cce9662f132 \
    --new=4:106496:+65536 --typecode=4:5dfbf5f4-2848-4bac-aa5e-0d9a20b745a6 --change-name=4:USR-B \
    --partition-guid=4:e03dd35c-7c2d-4a47-b3fe-27f15780a57c \
    --new=6:172032:+32768 --typecode=6:0fc63daf-8483-4772-8e79-3d69d8477de4 --change-name=6:OEM \
    --new=7:204800:+4096 --typecode=7:c95dc21a-df0e-4340-8d7b-26cbfa9a03e0 --change-name=7:OEM-CONFIG \
    --new=9:208896:+16384 --typecode=9:3884dd41-8582-4404-b9a8-e9b84f2df50e --change-name=9:ROOT "$disk" >/dev/null
  place_sectors "$work/efi.img" "$disk" 4096
  place_sectors "$work/usr.img" "$disk" 40960
  place_sectors "$work/oem.img" "$disk" 172032
  place_sectors "$work/root.img" "$disk" 208896
}

main
