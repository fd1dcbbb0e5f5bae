# Shell functions that write what Flatcar's build writes; sourced by the recipes beside it. Needs bash.

# fill_btrfs IMAGE TREE COMPRESSION WORK: fills a fresh file system through a loop mount, then seals its subvolume.
fill_btrfs() {
  local image=$1 tree=$2 compression=$3 point=$4/mount
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

cleanup_mount() {
  [ -z "${mounted:-}" ] || umount "$mounted" || true
}

# flatcar_os_release VERSION
flatcar_os_release() {
  cat <<END
NAME="Flatcar Container Linux by Kinvolk"
ID=flatcar
ID_LIKE=coreos
VERSION=$1
VERSION_ID=$1
BUILD_ID=2026-08-11-2350
SYSEXT_LEVEL=1.0
PRETTY_NAME="Flatcar Container Linux by Kinvolk $1 (Oklo)"
ANSI_COLOR="38;5;75"
HOME_URL="https://flatcar.org/"
BUG_REPORT_URL="https://issues.flatcar.org"
FLATCAR_BOARD="amd64-usr"
CPE_NAME="cpe:2.3:o:flatcar-linux:flatcar_linux:$1:*:*:*:*:*:*:*"
END
}

# flatcar_package_records USR WORK COUNT: one SLSA statement per package and one list of licences, as the ebuilds leave them.
flatcar_package_records() {
  local usr=$1 work=$2 count=$3 number name separator='['
  for number in $(seq 1 "$count"); do
    name=package$number-1.$number
    cat >"$usr/share/SLSA/app-misc_$name.json" <<END
{"_type":"https://in-toto.io/Statement/v1","predicateType":"https://slsa.dev/provenance/v1","subject":[{"uri":"usr/bin/package$number","digest":{"sha512":"$(printf %0128d "$number")"}}],"predicate":{"buildDefinition":{"buildType":"ghcr.io/flatcar/flatcar-sdk-all:4593.2.5","externalParameters":{"uri":"https://github.com/flatcar/scripts","gitCommit":"$(printf %040d "$number")","buildCmd":"ebuild","atom":"=app-misc/$name"},"resolvedDependencies":[]},"runDetails":{"builder":{"id":"TODO - builder ID"}}}}
END
    printf '%s{"project":"app-misc/%s::portage-stable","licenses":["Apache-2.0"],"description":"Package %s","homepage":"https://example.org/%s","source":"https://example.org/%s.tar.gz","files":[]}' \
      "$separator" "$name" "$number" "$number" "$name"
    separator=,
  done >"$work/licenses.json"
  printf ']\n' >>"$work/licenses.json"
  zstd -q -3 --rm "$usr"/share/SLSA/*.json
  bzip2 -c "$work/licenses.json" >"$usr/share/licenses/licenses.json.bz2"
}

# make_kernel FILE USRHASH BYTES: the headers of a bzImage (MZ and PE with one section, the setup header with a version
# string) and the usr hash as 64 digits at byte 64, where Flatcar's kernels keep it. What follows is noise.
# Linux: Documentation/arch/x86/boot.rst.
make_kernel() {
  local kernel=$1 usrhash=$2 bytes=$3 setup_sectors=31
  openssl enc -aes-128-ctr -K "$(printf %032d 1)" -iv "$(printf %032d 0)" -in /dev/zero 2>/dev/null | head -c "$bytes" >"$kernel" || true
  dd if=/dev/zero of="$kernel" bs=512 count=$((setup_sectors + 1)) conv=notrunc status=none
  put "$kernel" 0 'MZ'
  put "$kernel" 60 '\x80\x00\x00\x00'
  put "$kernel" 64 "$usrhash"
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

# put FILE OFFSET ESCAPED-BYTES
put() {
  printf "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# sectors FILE: its length in sectors, which it must be a multiple of.
sectors() {
  echo $((($(stat -c %s "$1") + 511) / 512))
}

# place_sectors FILE DISK SECTOR: zeros stay holes.
place_sectors() {
  dd if="$1" of="$2" bs=512 seek="$3" conv=notrunc,sparse status=none
}

# guid_of HEX32
guid_of() {
  printf '%s-%s-%s-%s-%s' "${1:0:8}" "${1:8:4}" "${1:12:4}" "${1:16:4}" "${1:20:12}"
}
