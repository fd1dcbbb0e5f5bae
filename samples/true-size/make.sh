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

. "$(dirname "$0")/../flatcar-layout.sh"

mkdir -p "$1"
out=$(cd "$1" && pwd)
work=$(mktemp -d "$out/.work.XXXXXX")
trap 'cleanup_mount; rm -rf "$work"' EXIT

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
  rm -f "$usr/lib/os-release"
  flatcar_os_release "$version" >"$usr/lib/os-release"
  cp "$usr/lib/os-release" "$usr/share/flatcar/os-release"
  flatcar_package_records "$usr" "$work" 150
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
  fill_btrfs "$image" "$work/usr" zstd "$work"
  veritysetup format --hash=sha256 --data-block-size 4096 --hash-block-size 4096 --data-blocks "$fs_blocks" \
    --hash-offset "$fs_bytes" "$image" "$image" | sed -n 's/^Root hash:[[:space:]]*//p' >"$out/flatcar_production_image_verity.txt"
}

make_efi_partition() {
  local kernel=$work/vmlinuz-a
  make_kernel "$kernel" "$(cat "$out/flatcar_production_image_verity.txt")" 12582912
  truncate -s 1G "$work/efi.img"
  mkfs.vfat -F 32 -n EFI-SYSTEM "$work/efi.img" >/dev/null
  mmd -i "$work/efi.img" ::flatcar ::EFI ::EFI/boot
  mcopy -i "$work/efi.img" "$kernel" ::flatcar/vmlinuz-a
}

make_oem_partition() {
  mkdir -p "$work/oem"
  printf '# GRUB settings of the OEM\nset oem_id=""\n' >"$work/oem/grub.cfg"
  truncate -s 1G "$work/oem.img"
  mkfs.btrfs -q --mixed -m single -d single -L OEM "$work/oem.img" >/dev/null
  fill_btrfs "$work/oem.img" "$work/oem" zlib "$work"
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
