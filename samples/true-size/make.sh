#!/usr/bin/env bash
# Makes a disk image of Flatcar's true size and layout, for the benchmark and for CI, and a Kubernetes-like sysext with the
# tree it was made of. Content comes from the machine it runs on, so two machines give two images.
#
#   sudo samples/true-size/make.sh [--shipped] DIRECTORY
#
# Wants root (loop mounts of btrfs) and the Debian packages
#   btrfs-progs cryptsetup-bin dosfstools mtools e2fsprogs gdisk squashfs-tools zstd bzip2, and lbzip2 for --shipped.
# PEERS_DIR names a folder of real Go binaries (cosign, syft …) that stand in for kubelet and its kin; without it the Go
# toolchain's own are taken.
#
# Writes DIRECTORY/flatcar_production_image.bin (8455716864 bytes, sparse), flatcar_production_update.bin (the USR
# partition's first GiB), flatcar_production_image_verity.txt, kubernetes.raw, kubernetes/ and, with --shipped,
# flatcar_production_image.bin.bz2.
# Layout: flatcar/scripts, build_library/disk_layout.json and disk_util.
set -euo pipefail
export LC_ALL=C PATH="$PATH:/usr/sbin:/sbin"

shipped=no
if [ "${1:-}" = --shipped ]; then
  shipped=yes
  shift
fi
[ $# -eq 1 ] || { sed -n '5p' "$0" >&2; exit 2; }
[ "$(id -u)" -eq 0 ] || { echo "Cannot mount: not root" >&2; exit 2; }

mkdir -p "$1"
out=$(cd "$1" && pwd)
work=$(mktemp -d "$out/.work.XXXXXX")
mounted=
cleanup() {
  [ -z "$mounted" ] || umount "$mounted" || true
  rm -rf "$work"
}
trap cleanup EXIT

version=4593.2.5
fs_bytes=1065345024                 # of btrfs in USR-A, and so the offset of the verity superblock
fs_blocks=260094                    # of 4096 bytes
content_bytes=$((${TRUE_SIZE_CONTENT_MIB:-420} * 1024 * 1024))
disk=$out/flatcar_production_image.bin

main() {
  make_sysext_tree
  make_usr_tree
  make_usr_partition
  make_efi_partition
  make_oem_partition
  make_root_partition
  make_disk
  if [ "$shipped" = yes ]; then make_shipped; fi
  ls -ls "$out"
}

# --- content -------------------------------------------------------------------------------------------------------------

# Real Go binaries with build information, the largest first.
go_binaries() {
  local folder
  for folder in "${PEERS_DIR:-.peers}" "${PEERS_DIR:-.peers}/bin"; do
    [ ! -d "$folder" ] || find "$folder" -maxdepth 1 -type f -perm -u+x -size +4M -printf '%s %p\n'
  done | sort -rn | cut -d' ' -f2-
  go_toolchain_binaries
}

go_toolchain_binaries() {
  command -v go >/dev/null || return 0
  find "$(go env GOROOT)/bin" "$(go env GOROOT)/pkg/tool" -type f -perm -u+x -size +1M -printf '%s %p\n' 2>/dev/null |
    sort -rn | cut -d' ' -f2-
}

# The layout of the bakery's kubernetes sysext, with other programs of the same size and kind.
make_sysext_tree() {
  local tree=$out/kubernetes binary
  rm -rf "$tree"
  mkdir -p "$tree/usr/bin" "$tree/usr/local/bin/cni" "$tree/usr/local/share" "$tree/usr/lib/extension-release.d" \
    "$tree/usr/lib/systemd/system/multi-user.target.d"
  mapfile -t binaries < <(go_binaries | head -6)
  [ "${#binaries[@]}" -gt 0 ] || { echo "Cannot make a sysext: no Go binaries; set PEERS_DIR or install Go" >&2; exit 2; }
  local names=(usr/bin/kubelet usr/bin/kubectl usr/bin/kubeadm usr/local/bin/cni/bridge usr/local/bin/cni/host-local
    usr/local/bin/cni/loopback)
  local index=0
  for binary in "${binaries[@]}"; do
    install -m 0755 "$binary" "$tree/${names[$index]}"
    index=$((index + 1))
  done
  printf 'v1.34.2\n' >"$tree/usr/local/share/kubernetes-version"
  printf 'ID=_any\nARCHITECTURE=x86-64\nEXTENSION_RELOAD_MANAGER=1\n' \
    >"$tree/usr/lib/extension-release.d/extension-release.kubernetes"
  printf '[Service]\nExecStart=/usr/bin/kubelet\nRestart=always\n' >"$tree/usr/lib/systemd/system/kubelet.service"
  printf '[Unit]\nUpholds=kubelet.service\n' \
    >"$tree/usr/lib/systemd/system/multi-user.target.d/10-kubelet-service.conf"
  rm -f "$out/kubernetes.raw"
  SOURCE_DATE_EPOCH=0 mksquashfs "$tree" "$out/kubernetes.raw" -all-root -noappend -comp zstd -Xcompression-level 3 \
    -quiet -no-progress
}

# The file system's root is /usr itself.
make_usr_tree() {
  local usr=$work/usr
  mkdir -p "$usr/lib" "$usr/share/flatcar/sysext" "$usr/share/SLSA" "$usr/share/licenses" "$usr/lib/extension-release.d"
  copy_host_usr "$usr"
  write_os_release "$usr/lib/os-release"
  cp "$usr/lib/os-release" "$usr/share/flatcar/os-release"
  write_package_records "$usr"
  make_builtin_sysext containerd-flatcar
  make_builtin_sysext docker-flatcar
}

# The machine's own programs and libraries in the order of their paths, up to the wanted size, and then small files until
# there are about as many as on a node.
copy_host_usr() {
  (
    cd /usr
    for folder in bin sbin lib share; do
      [ ! -d "$folder" ] || find "$folder/" -xdev -type f -size -64M -printf '%s %p\n'
    done | sort -k2 |
      awk -v budget="$content_bytes" '
        used + $1 <= budget || ($1 < 65536 && small++ < 5000) { used += $1; print substr($0, index($0, " ") + 1) }'
  ) >"$work/usr.files"
  tar -C /usr --files-from "$work/usr.files" -cf - | tar -C "$1" -xf -
  local binary
  mkdir -p "$1/share/toolchain"
  go_toolchain_binaries | while read -r binary; do cp "$binary" "$1/share/toolchain/"; done
}

write_os_release() {
  rm -f "$1"
  cat >"$1" <<END
NAME="Flatcar Container Linux by Kinvolk"
ID=flatcar
ID_LIKE=coreos
VERSION=$version
VERSION_ID=$version
BUILD_ID=2026-08-11-2350
SYSEXT_LEVEL=1.0
PRETTY_NAME="Flatcar Container Linux by Kinvolk $version (Oklo)"
ANSI_COLOR="38;5;75"
HOME_URL="https://flatcar.org/"
BUG_REPORT_URL="https://issues.flatcar.org"
FLATCAR_BOARD="amd64-usr"
CPE_NAME="cpe:2.3:o:flatcar-linux:flatcar_linux:$version:*:*:*:*:*:*:*"
END
}

# As the ebuilds leave them: one SLSA statement per package, one list of licenses.
write_package_records() {
  local number name separator='['
  for number in $(seq 1 150); do
    name=package$number-1.$number
    cat >"$1/share/SLSA/app-misc_$name.json" <<END
{"_type":"https://in-toto.io/Statement/v1","predicateType":"https://slsa.dev/provenance/v1","subject":[{"uri":"usr/bin/package$number","digest":{"sha512":"$(printf %0128d "$number")"}}],"predicate":{"buildDefinition":{"buildType":"ghcr.io/flatcar/flatcar-sdk-all:$version","externalParameters":{"uri":"https://github.com/flatcar/scripts","gitCommit":"$(printf %040d "$number")","buildCmd":"ebuild","atom":"=app-misc/$name"},"resolvedDependencies":[]},"runDetails":{"builder":{"id":"TODO - builder ID"}}}}
END
    printf '%s{"project":"app-misc/%s::portage-stable","licenses":["Apache-2.0"],"description":"Package %s","homepage":"https://example.org/%s","source":"https://example.org/%s.tar.gz","files":[]}' \
      "$separator" "$name" "$number" "$number" "$name"
    separator=,
  done >"$work/licenses.json"
  printf ']\n' >>"$work/licenses.json"
  zstd -q -3 --rm "$1"/share/SLSA/*.json
  bzip2 -c "$work/licenses.json" >"$1/share/licenses/licenses.json.bz2"
}

# Stable's built-in sysexts: plain squashfs inside /usr.
make_builtin_sysext() {
  local name=$1 tree=$work/$1 binary
  mkdir -p "$tree/usr/bin" "$tree/usr/lib/extension-release.d"
  go_toolchain_binaries | head -3 | while read -r binary; do cp "$binary" "$tree/usr/bin/${name%-flatcar}-$(basename "$binary")"; done
  printf 'ID=flatcar\nVERSION_ID=%s\nARCHITECTURE=x86-64\n' "$version" \
    >"$tree/usr/lib/extension-release.d/extension-release.$name"
  SOURCE_DATE_EPOCH=0 mksquashfs "$tree" "$work/usr/share/flatcar/sysext/$name.raw" -all-root -noappend -comp zstd \
    -Xcompression-level 9 -b 512k -quiet -no-progress
}

# --- partitions ----------------------------------------------------------------------------------------------------------

make_usr_partition() {
  local image=$out/flatcar_production_update.bin
  rm -f "$image"
  truncate -s 1073741824 "$image"
  mkfs.btrfs -q --mixed -m single -d single --byte-count "$fs_bytes" "$image" >/dev/null
  fill_btrfs "$image" "$work/usr" zstd
  veritysetup format --hash=sha256 --data-block-size 4096 --hash-block-size 4096 --data-blocks "$fs_blocks" \
    --hash-offset "$fs_bytes" "$image" "$image" | sed -n 's/^Root hash:[[:space:]]*//p' >"$out/flatcar_production_image_verity.txt"
}

fill_btrfs() {
  local image=$1 tree=$2 compression=$3 point=$work/mount
  mkdir -p "$point"
  mount -o "loop,compress=$compression" "$image" "$point"
  mounted=$point
  cp -a --no-preserve=ownership "$tree/." "$point/"
  btrfs property set "$point" compression "$compression"
  sync -f "$point"
  btrfs property set "$point" ro true
  umount "$point"
  mounted=
}

make_efi_partition() {
  local kernel=$work/vmlinuz-a
  make_kernel "$kernel"
  truncate -s 1G "$work/efi.img"
  mkfs.vfat -F 32 -n EFI-SYSTEM "$work/efi.img" >/dev/null
  mmd -i "$work/efi.img" ::flatcar ::EFI ::EFI/boot
  mcopy -i "$work/efi.img" "$kernel" ::flatcar/vmlinuz-a
}

# A file with the headers of a bzImage: MZ and PE with one section, the setup header with a version string, and the usr hash as
# 64 digits at byte 64, where Flatcar's kernels keep it. What follows is noise of a kernel's size.
# Linux: Documentation/arch/x86/boot.rst.
make_kernel() {
  local kernel=$1 setup_sectors=31
  head -c 12582912 /dev/urandom >"$kernel"
  dd if=/dev/zero of="$kernel" bs=512 count=$((setup_sectors + 1)) conv=notrunc status=none
  put "$kernel" 0 'MZ'
  put "$kernel" 60 '\x80\x00\x00\x00'
  put "$kernel" 64 "$(cat "$out/flatcar_production_image_verity.txt")"
  put "$kernel" 128 'PE\x00\x00\x64\x86\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xa0\x00\x06\x02' # x86-64, 1 section
  put "$kernel" 152 '\x0b\x02'                                   # PE32+
  put "$kernel" 184 '\x00\x10\x00\x00\x00\x02\x00\x00'           # section and file alignment
  put "$kernel" 208 '\x00\x10\xc0\x00\x00\x40\x00\x00'           # size of image and of headers
  put "$kernel" 220 '\x0a\x00'                                   # an EFI application
  put "$kernel" 260 '\x06\x00\x00\x00'                           # data directories
  put "$kernel" 312 '.text\x00\x00\x00\x00\xc0\xbf\x00\x00\x40\x00\x00\x00\xc0\xbf\x00\x00\x40\x00\x00'
  put "$kernel" 348 '\x20\x00\x00\x60'
  put "$kernel" 497 "\\x$(printf %02x "$setup_sectors")"
  put "$kernel" 510 '\x55\xaa\xeb\x6aHdrS\x0f\x02'
  put "$kernel" 526 '\x00\x30'                                   # the version string, from byte 512 on
  put "$kernel" 529 '\x01'                                       # loaded high
  put "$kernel" 566 '\x01'                                       # has a 64-bit entry point
  put "$kernel" $((512 + 0x3000)) '6.12.102-flatcar (jenkins@jenkins-os) #1 SMP PREEMPT_DYNAMIC Tue Aug 11 23:11:06 -00 2026\x00'
}

put() {
  printf "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

make_oem_partition() {
  mkdir -p "$work/oem"
  printf '# GRUB settings of the OEM\nset oem_id=""\n' >"$work/oem/grub.cfg"
  truncate -s 1G "$work/oem.img"
  mkfs.btrfs -q --mixed -m single -d single -L OEM "$work/oem.img" >/dev/null
  fill_btrfs "$work/oem.img" "$work/oem" zlib
}

# A baked image: a sysext under /opt/extensions, switched on by a link in /etc/extensions.
make_root_partition() {
  local root=$work/root
  mkdir -p "$root/opt/extensions/kubernetes" "$root/etc/extensions"
  cp "$out/kubernetes.raw" "$root/opt/extensions/kubernetes/kubernetes-v1.34.2-x86-64.raw"
  ln -s /opt/extensions/kubernetes/kubernetes-v1.34.2-x86-64.raw "$root/etc/extensions/kubernetes.raw"
  mke2fs -q -t ext4 -L ROOT -d "$root" "$work/root.img" 1784M >/dev/null
}

# --- disk ----------------------------------------------------------------------------------------------------------------

make_disk() {
  rm -f "$disk"
  truncate -s 8455716864 "$disk"
  sgdisk --clear --set-alignment=4096 --disk-guid=00000000-0000-0000-0000-000000000001 \
    --new=1:4096:+2097152 --typecode=1:c12a7328-f81f-11d2-ba4b-00a0c93ec93b --change-name=1:EFI-SYSTEM \
    --new=2:2101248:+4096 --typecode=2:21686148-6449-6e6f-744e-656564454649 --change-name=2:BIOS-BOOT \
    --new=3:2105344:+4194304 --typecode=3:5dfbf5f4-2848-4bac-aa5e-0d9a20b745a6 --change-name=3:USR-A \
    --partition-guid=3:7130c94a-213a-4e5a-8e26-6cce9662f132 \
    --new=4:6299648:+4194304 --typecode=4:5dfbf5f4-2848-4bac-aa5e-0d9a20b745a6 --change-name=4:USR-B \
    --partition-guid=4:e03dd35c-7c2d-4a47-b3fe-27f15780a57c \
    --new=6:10493952:+2097152 --typecode=6:0fc63daf-8483-4772-8e79-3d69d8477de4 --change-name=6:OEM \
    --new=7:12591104:+131072 --typecode=7:c95dc21a-df0e-4340-8d7b-26cbfa9a03e0 --change-name=7:OEM-CONFIG \
    --new=9:12722176:+3653632 --typecode=9:3884dd41-8582-4404-b9a8-e9b84f2df50e --change-name=9:ROOT \
    "$disk" >/dev/null
  place "$work/efi.img" 2
  place "$out/flatcar_production_update.bin" 1028
  place "$work/oem.img" 5124
  place "$work/root.img" 6212
}

# A partition's bytes at so many MiB of the disk; zeros stay holes.
place() {
  dd if="$1" of="$disk" bs=1M seek="$2" conv=notrunc,sparse status=none
}

make_shipped() {
  if command -v lbzip2 >/dev/null; then lbzip2 -kf "$disk"; else bzip2 -kf "$disk"; fi
}

main
