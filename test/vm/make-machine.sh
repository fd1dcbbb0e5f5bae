#!/usr/bin/env bash
# Makes a machine that starts as a Flatcar node does, of Debian 13 (systemd 257, as Flatcar stable): the disk that is
# attested, its kernel, an initrd that sets up dm-verity for /usr, and the extensions of honest and dishonest nodes.
#
#   sudo test/vm/make-machine.sh DIRECTORY
#
# Wants root (loop mounts of btrfs and ext4), the network of apt, and the Debian packages
#   debootstrap btrfs-progs cryptsetup-bin dosfstools mtools e2fsprogs gdisk squashfs-tools cpio xz-utils zstd.
# The disk has Flatcar's geometry where it counts (flatcar/scripts, build_library/disk_layout.json and disk_util): USR
# partitions whose first GiB is btrfs, verity superblock and tree at 1065345024; the usr hash at byte 64 of the kernel in
# the EFI partition. EFI, OEM and ROOT are smaller.
set -euo pipefail
export LC_ALL=C PATH="$PATH:/usr/sbin:/sbin" DEBIAN_FRONTEND=noninteractive

[ $# -eq 1 ] || { sed -n '5p' "$0" >&2; exit 2; }
[ "$(id -u)" -eq 0 ] || { echo "Cannot mount: not root" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../../samples/flatcar-layout.sh"

mkdir -p "$1"
out=$(cd "$1" && pwd)
[ ! -f "$out/complete" ] || { echo "have $out"; exit 0; }
work=$(mktemp -d "$out/.work.XXXXXX")
trap 'cleanup_mount; rm -rf "$work"' EXIT

version=4593.2.5
fs_bytes=1065345024                 # of btrfs in USR, and so the offset of the verity superblock
fs_blocks=260094                    # of 4096 bytes
disk=$out/disk.img
tree=$work/tree

main() {
  make_tree
  make_initrd
  make_extensions
  make_usr
  make_root
  make_disk
  touch "$out/complete"
  ls -ls "$out"
}

# --- the operating system ------------------------------------------------------------------------------------------------

make_tree() {
  local packages=systemd,systemd-sysv,udev,dbus,dmsetup,cryptsetup-bin,kmod,busybox-static,btrfs-progs,linux-image-cloud-amd64
  debootstrap --variant=minbase --include="$packages" trixie "$tree" >"$work/debootstrap.log" 2>&1 ||
    { tail -n 20 "$work/debootstrap.log" >&2; exit 1; }
  rm -rf "$tree"/usr/share/{doc,locale,man,info,i18n} "$tree"/var/{cache,lib}/apt "$tree"/var/cache/debconf "$tree"/var/log/*
  cp "$tree"/boot/vmlinuz-* "$work/vmlinuz"
  rm -rf "${tree:?}"/boot/* "$tree"/initrd.img* "$tree"/vmlinuz*
  flatcar_os_release "$version" >"$tree/usr/lib/os-release"
}

# Flatcar's minimal-init in its steps: the mapping of /usr by the root hash on the kernel command line, then the real root.
make_initrd() {
  local root=$work/initrd kernel
  kernel=$(ls "$tree/usr/lib/modules")
  mkdir -p "$root"/{bin,dev,proc,sys,run,sysroot,usr/lib/modules}
  ln -s usr/lib "$root/lib" && ln -s usr/lib64 "$root/lib64"
  cp "$tree/usr/bin/busybox" "$root/bin/busybox"
  install -m 0755 "$here/minimal-init" "$root/init"
  copy_program /usr/sbin/veritysetup "$root"
  copy_modules "$kernel" "$root" virtio_pci virtio_blk dm-verity sha256_generic sha256_ssse3 btrfs ext4 overlay loop squashfs crc32c_generic
  (cd "$root" && find . -print0 | sort -z | cpio --null -o --format=newc --quiet | zstd -q -3 >"$out/initrd")
}

# copy_program PATH ROOT: with the libraries that it names.
copy_program() {
  local file
  install -D -m 0755 "$tree$1" "$2/bin/$(basename "$1")"
  for file in $(chroot "$tree" ldd "$1" | grep -o '/[^ ]*'); do
    install -D -m 0755 "$tree$file" "$2/usr$(readlink -f "$(dirname "$file")" | sed 's,^/usr,,')/$(basename "$file")"
  done
  install -D -m 0755 "$tree/usr/lib64/ld-linux-x86-64.so.2" "$2/usr/lib64/ld-linux-x86-64.so.2"
}

# copy_modules KERNEL ROOT NAME...: with what they depend on, unpacked, in the order in which they are to be loaded.
copy_modules() {
  local kernel=$1 root=$2 name file
  shift 2
  for name in "$@"; do
    chroot "$tree" modprobe --set-version "$kernel" --show-depends --ignore-install "$name" 2>/dev/null |
      sed -n 's/^insmod \([^ ]*\).*/\1/p'
  done | awk '!seen[$0]++' >"$work/modules"
  while read -r file; do
    name=$(basename "${file%.xz}")
    xz -dc "$tree$file" >"$root/usr/lib/modules/$name"
    echo "$name"
  done <"$work/modules" >"$root/usr/lib/modules/order"
}

# --- extensions ----------------------------------------------------------------------------------------------------------

# Stubs tell that they were run; kubeadm is what must not be.
make_extensions() {
  local ext=$work/ext
  extension_tree kubernetes 'ID=_any' 'ARCHITECTURE=x86-64'
  stub kubernetes kubeadm 'echo "$@" >>/var/lib/kubeadm-ran'
  stub kubernetes kubelet 'echo started >>/var/lib/kubelet-ran; exec sleep infinity'
  unit kubernetes kubelet.service '[Unit]' 'Description=kubelet' '[Service]' 'ExecStart=/usr/bin/kubelet' 'Restart=always' 'RestartSec=10'
  dropin kubernetes multi-user.target.d/10-kubelet-service.conf '[Unit]' 'Upholds=kubelet.service'
  squash kubernetes kubernetes.raw
  stub kubernetes kubelet 'echo evil >>/var/lib/kubelet-ran; exec sleep infinity'
  squash kubernetes kubernetes-rebuilt.raw

  extension_tree falco 'ID=_any' 'ARCHITECTURE=x86-64'
  stub falco falco 'exit 0'
  # So large that its verity tree has levels.
  head -c 2000000 "$work/vmlinuz" >"$ext/falco/usr/bin/falco.bin"
  squash falco falco-plain.raw

  extension_tree stranger 'ID=_any'
  stub stranger stranger 'exit 0'
  squash stranger stranger.raw

  extension_tree containerd-flatcar "ID=flatcar" "VERSION_ID=$version" 'ARCHITECTURE=x86-64'
  stub containerd-flatcar containerd 'echo started >>/var/lib/containerd-ran; exec sleep infinity'
  unit containerd-flatcar containerd.service '[Unit]' 'Description=containerd' '[Service]' 'ExecStart=/usr/bin/containerd'
  squash containerd-flatcar containerd-flatcar.raw

  extension_tree shadow 'ID=_any'
  flatcar_os_release 9999.9.9 >"$ext/shadow/usr/lib/os-release"
  squash shadow shadow.raw

  extension_tree hollow 'ID=_any'
  mkdir -p "$ext/hollow/opt/bin"
  printf '#!/bin/sh\nexit 0\n' >"$ext/hollow/opt/bin/nodeproof"
  chmod 0755 "$ext/hollow/opt/bin/nodeproof"
  dropin hollow kubeadm.service.d/99-hollow.conf '[Service]' 'ExecStartPre='
  squash hollow hollow.raw
}

# extension_tree NAME LINE...
extension_tree() {
  local name=$1
  shift
  mkdir -p "$ext/$name/usr/bin" "$ext/$name/usr/lib/extension-release.d" "$ext/$name/usr/lib/systemd/system"
  printf '%s\n' "$@" >"$ext/$name/usr/lib/extension-release.d/extension-release.$name"
}

stub() {
  printf '#!/bin/sh\n%s\n' "$3" >"$ext/$1/usr/bin/$2"
  chmod 0755 "$ext/$1/usr/bin/$2"
}

unit() {
  local file="$ext/$1/usr/lib/systemd/system/$2"
  shift 2
  printf '%s\n' "$@" >"$file"
}

dropin() {
  mkdir -p "$(dirname "$ext/$1/usr/lib/systemd/system/$2")"
  unit "$@"
}

squash() {
  rm -f "$out/$2"
  SOURCE_DATE_EPOCH=0 mksquashfs "$ext/$1" "$out/$2" -all-root -noappend -comp zstd -quiet -no-progress
}

# --- partitions ----------------------------------------------------------------------------------------------------------

make_usr() {
  install -D -m 0644 "$out/containerd-flatcar.raw" "$tree/usr/share/flatcar/sysext/containerd-flatcar.raw"
  usr_partition "$out/usr.img" "$out/usr.hash"
  # Another image with a good verity tree of its own.
  mkdir -p "$tree/usr/share/flatcar"
  echo 'of another build' >"$tree/usr/share/flatcar/release"
  usr_partition "$out/other-usr.img" "$out/other-usr.hash"
}

usr_partition() {
  rm -f "$1"
  truncate -s $((1024 * 1024 * 1024)) "$1"
  mkfs.btrfs --quiet --mixed -m single -d single --byte-count "$fs_bytes" "$1"
  fill_btrfs "$1" "$tree/usr" zstd "$work"
  veritysetup format --hash=sha256 --data-block-size 4096 --hash-block-size 4096 --data-blocks "$fs_blocks" \
    --hash-offset "$fs_bytes" "$1" "$1" | sed -n 's/^Root hash:[[:space:]]*//p' | tr -d '\n' >"$2"
}

# What is not /usr, with the units that the documentation of Flatcar has an operator write.
make_root() {
  local root=$work/root
  mkdir -p "$root/usr"
  tar -C "$tree" --exclude=./usr --exclude='./dev/*' --exclude='./proc/*' --exclude='./sys/*' -cf - . | tar -C "$root" -xf -
  mkdir -p "$root"/{boot,oem,opt} "$root/etc/extensions"
  ln -sf ../usr/lib/os-release "$root/etc/os-release"
  ln -s /usr/share/flatcar/sysext/containerd-flatcar.raw "$root/etc/extensions/containerd-flatcar.raw"
  cp "$here"/root-units/*.service "$root/etc/systemd/system/"
  enable multi-user.target /etc/systemd/system/kubeadm.service /etc/systemd/system/case.service
  enable sysinit.target /etc/systemd/system/ensure-sysext.service /usr/lib/systemd/system/systemd-sysext.service
  # What takes time under emulation, and says nothing of a node.
  for unit in getty.target serial-getty@ttyS0.service ldconfig.service systemd-journal-catalog-update.service systemd-update-done.service \
    systemd-hwdb-update.service systemd-logind.service dpkg-db-backup.timer fstrim.timer e2scrub_all.timer e2scrub_reap.service \
    systemd-tmpfiles-clean.timer modprobe@drm.service; do
    ln -sf /dev/null "$root/etc/systemd/system/$unit"
  done
  touch "$root/etc/.updated" "$root/var/.updated"
  echo node >"$root/etc/hostname"
  echo '/dev/disk/by-partlabel/EFI-SYSTEM /boot vfat defaults,nofail 0 0' >"$root/etc/fstab"
  printf '0123456789abcdef0123456789abcdef\n' >"$root/etc/machine-id"
  rm -f "$out/root.img"
  truncate -s $((1024 * 1024 * 1024)) "$out/root.img"
  mkfs.ext4 -q -L ROOT -d "$root" "$out/root.img"
}

# enable TARGET UNIT...: what systemctl enable would make, in $root.
enable() {
  local target=$1 path
  shift
  mkdir -p "$root/etc/systemd/system/$target.wants"
  for path in "$@"; do ln -sf "$path" "$root/etc/systemd/system/$target.wants/$(basename "$path")"; done
}

# The usr hash at byte 64, where Debian's kernels have the header for EFI: it moves to where Flatcar's have it.
embed_usr_hash() {
  local kernel=$1 hash=$2
  dd if="$work/vmlinuz" of="$kernel" bs=1M status=none
  dd if="$work/vmlinuz" of="$kernel" bs=1 skip=64 seek=128 count=344 conv=notrunc status=none
  put "$kernel" 60 '\x80\x00\x00\x00'
  put "$kernel" 64 "$hash"
}

make_disk() {
  local efi=$work/efi.img
  embed_usr_hash "$out/vmlinuz" "$(cat "$out/usr.hash")"
  truncate -s $((64 * 1024 * 1024)) "$efi"
  mkfs.fat -F 32 -n EFI-SYSTEM "$efi" >/dev/null
  mmd -i "$efi" ::/flatcar
  mcopy -i "$efi" "$out/vmlinuz" ::/flatcar/vmlinuz-a
  embed_usr_hash "$out/other-vmlinuz" "$(cat "$out/other-usr.hash")"
  rm -f "$disk"
  truncate -s $((4300 * 1024 * 1024)) "$disk"
  sgdisk --clear --set-alignment=4096 --disk-guid=00000000-0000-0000-0000-000000000001 \
    --new=1:4096:+131072 --typecode=1:c12a7328-f81f-11d2-ba4b-00a0c93ec93b --change-name=1:EFI-SYSTEM \
    --new=3:0:+2097152 --typecode=3:5dfbf5f4-2848-4bac-aa5e-0d9a20b745a6 --change-name=3:USR-A \
    --partition-guid=3:7130c94a-213a-4e5a-8e26-6cce9662f132 \
    --new=4:0:+2097152 --typecode=4:5dfbf5f4-2848-4bac-aa5e-0d9a20b745a6 --change-name=4:USR-B \
    --partition-guid=4:e03dd35c-7c2d-4a47-b3fe-27f15780a57c \
    --attributes=3:set:48 --attributes=3:set:56 \
    --new=9:0:+2097152 --typecode=9:3884dd41-8582-4404-b9a8-e9b84f2df50e --change-name=9:ROOT "$disk" >/dev/null
  note_start 4
  place_partition "$efi" 1
  place_partition "$out/usr.img" 3
  place_partition "$out/root.img" 9
  rm -f "$out/root.img" "$out/usr.img"
}

place_partition() {
  note_start "$2"
  place_sectors "$1" "$disk" "$(cat "$out/partition-$2.sector")"
}

note_start() {
  sgdisk --info="$1" "$disk" | sed -n 's/^First sector: \([0-9]*\).*/\1/p' >"$out/partition-$1.sector"
}

main
