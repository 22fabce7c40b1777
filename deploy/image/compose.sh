#!/bin/bash
# make image: puts an SD image together that boots on a Raspberry Pi and sells: Debian in two roots that take each other's
# place, a data partition, the runtime with the device file. No loop device, no mount.
#   compose.sh rpi3|rpi4|virt DEVICE_FILE [SLUICE_TXT]
# writes build/sluice-BOARD.img and build/sluice-root.ext4 (for sluice-slot install). All boards have the same image, which
# boots in QEMU (virt) too. SLUICE_TXT is put on its first partition, as anybody can do afterwards.
set -euo pipefail
image=$(dirname "$(readlink -f "$0")")
root=$(readlink -f "$image/../..")
board=${1:-} device=${2:-} settings=${3:-}
cache=$root/.cache/image
target=$root/build/sluice-$board.img
began=$SECONDS
MIB=2048 # of 512 bytes
BOOT_MIB=64 ROOT_MIB=768 DATA_MIB=640
PATH=$PATH:/usr/sbin:/sbin

fail() { echo "image: $*" >&2; exit 1; }
usage() { echo "image: $*" >&2; exit 2; }
step() { printf 'image: %4d s  %s\n' $((SECONDS - began)) "$*"; }

case $board in
  rpi3 | rpi4 | virt) ;;
  "") usage "which board? make image BOARD=rpi4 DEVICE=boards/pi-charger.yaml (rpi3 or rpi4)" ;;
  *) usage "no image for the board '$board': rpi3 and rpi4 are there (a Zero 2 W is an rpi3); a Pi 5 needs a newer kernel than Debian 12 has" ;;
esac
[ -n "$device" ] || usage "which device? make image BOARD=$board DEVICE=boards/pi-charger.yaml"
[ -z "$settings" ] || "$image/provision.sh" check "$settings" >/dev/null || exit 1

missing=
for each in mmdebstrap:mmdebstrap arch-test:arch-test mke2fs:e2fsprogs sfdisk:fdisk mkfs.vfat:dosfstools mcopy:mtools \
    mkimage:u-boot-tools cpio:cpio depmod:kmod systemd-sysusers:systemd; do
  command -v "${each%:*}" >/dev/null || missing="$missing ${each#*:}"
done
if [ -n "$missing" ]; then
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || fail "missing programs: sudo apt-get install$missing"
  step "installing$missing"
  { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends $missing; } >/dev/null 2>&1 ||
    fail "could not be installed:$missing"
fi
[ "$(id -u)" = 0 ] || fail "files of several owners are put together, which root alone may: sudo make image"

mkdir -p "$cache" "$root/build"
exec 9>"$cache/lock"
flock 9
rm -rf "$cache"/part.*
scratch=$(mktemp -d "$cache/part.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
chmod 755 "$scratch"

step "the release"
release=$("$image/../release.sh" arm64 "$device" "$scratch/release") || fail "the release could not be put together: its words are above"

step "Debian and the root file system"
parts=$("$image/root.sh" "$cache") || fail "the system could not be put together: its words are above"

step "the data partition"
"$image/data.sh" "$parts/data.tar" "$scratch/release" "$release" "$scratch/data" || exit 1
mke2fs -q -t ext4 -L sluice-data -d "$scratch/data" "$scratch/data.ext4" ${DATA_MIB}M >/dev/null 2>"$scratch/words" ||
  fail "the data file system could not be made: $(tail -1 "$scratch/words")"

step "the first partition"
truncate -s ${BOOT_MIB}M "$scratch/boot.fat"
mkfs.vfat -F 32 -n SLUICE "$scratch/boot.fat" >/dev/null
mcopy -i "$scratch/boot.fat" "$parts"/firmware/* ::
mcopy -i "$scratch/boot.fat" "$image/sluice.txt" ::example.txt
[ -z "$settings" ] || mcopy -i "$scratch/boot.fat" "$settings" ::sluice.txt

step "all in one"
# The first four MiB are the partition table's, and hold U-Boot's sector.
offset=4
truncate -s $((offset + BOOT_MIB + 2 * ROOT_MIB + DATA_MIB))M "$scratch/image"
{
  # Two cards in one computer must not be taken for each other.
  echo "label: dos"
  echo "label-id: 0x$(od -An -N4 -tx4 /dev/urandom | tr -d ' ')"
  number=1
  for each in boot.fat:$BOOT_MIB:c root.ext4:$ROOT_MIB:83 root.ext4:$ROOT_MIB:83 data.ext4:$DATA_MIB:83; do
    IFS=: read -r _ size type <<<"$each"
    echo "start=$((offset * MIB)), size=$((size * MIB)), type=$type$([ $number -gt 1 ] || echo ", bootable")"
    offset=$((offset + size)) number=$((number + 1))
  done
} | sfdisk -q "$scratch/image"
offset=4
for each in "$scratch/boot.fat:$BOOT_MIB" "$parts/root.ext4:$ROOT_MIB" "$parts/root.ext4:$ROOT_MIB" "$scratch/data.ext4:$DATA_MIB"; do
  dd if="${each%:*}" of="$scratch/image" bs=1M seek=$offset conv=notrunc,sparse status=none
  offset=$((offset + ${each##*:}))
done
mv "$scratch/image" "$target"
# What goes over a network is sent without its empty end.
cp --sparse=always "$parts/root.ext4" "$scratch/root.ext4"
{ e2fsck -fp "$scratch/root.ext4" && resize2fs -M "$scratch/root.ext4"; } >"$scratch/words" 2>&1 || fail "the root could not be made smaller: $(tail -1 "$scratch/words")"
mv "$scratch/root.ext4" "$root/build/sluice-root.ext4"
step "$target: $(du -m "$target" | cut -f1) MB of $(($(stat -c %s "$target") / 1000000)) MB are in use"
echo "image: write it to a card with: make flash CARD=/dev/sdX IMAGE=build/sluice-$board.img"
