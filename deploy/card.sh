#!/bin/bash
# Is this a card that may be written over? Prints its size in bytes and what it is called, or says on standard error why
# not, exit 1: only a whole disk that can be taken out, and of which this computer uses nothing.
#   card.sh CARD [SYS [PROC]]     SYS and PROC are /sys and /proc, for tests another folder
set -euo pipefail
card=${1:-} sys=${2:-/sys} proc=${3:-/proc}
refuse() { echo "flash: $*" >&2; exit 1; }
content() { cat "$1" 2>/dev/null || true; }

[ -n "$card" ] || { echo "flash: which card? make flash CARD=/dev/sdX (lsblk lists the disks)" >&2; exit 2; }
[ -e "$card" ] || refuse "there is no $card: lsblk lists the disks"
name=$(basename "$(readlink -f "$card")")
disk=$sys/class/block/$name
# The name alone could be that of another thing: a device's number is the kernel's.
[ -e "$disk/dev" ] && [ "$(content "$disk/dev")" = "$(stat -L -c '%Hr:%Lr' "$card")" ] || refuse "$card is no disk: lsblk lists them"
[ ! -e "$disk/partition" ] || refuse "$card is a partition; the image has partitions of its own: name the disk it is on"
# A card in a slot of its own (mmcblk) says what it is; MMC would be soldered to the board.
[ "$(content "$disk/removable")" = 1 ] || [ "$(content "$disk/device/type")" = SD ] ||
  refuse "$card cannot be taken out of this computer, so it is not written over"
size=$(content "$disk/size")
case $size in "" | 0 | *[!0-9]*) refuse "there is no card in $card" ;; esac
[ "$(content "$disk/ro")" != 1 ] || refuse "$card is read-only: is the little lock on its side closed?"

for part in "$disk" "$disk/$name"*; do
  [ -e "$part/dev" ] || continue
  node=/dev/${part##*/}
  number=$(content "$part/dev")
  # proc(5), mountinfo: the third field is the number; some file systems have one of their own, and there the source tells.
  where=$(awk -v number="$number" -v node="$node" '{ for (i = 7; i < NF; i++) if ($i == "-") source = $(i + 2); if ($3 == number || source == node) { print $5; exit } }' "$proc/self/mountinfo")
  [ "$where" != / ] || refuse "this computer runs from $node"
  [ -z "$where" ] || refuse "$node is mounted on $(printf '%b' "$where"): sudo umount $node"
  if awk -v node="$node" 'NR > 1 && $1 == node { found = 1 } END { exit !found }' "$proc/swaps"; then refuse "$node is swap: sudo swapoff $node"; fi
  for holder in "$part"/holders/*; do
    [ ! -e "$holder" ] || refuse "$node is in use by ${holder##*/} (encryption, LVM or RAID): close that first"
  done
done
echo "$((size * 512)) $(echo $(content "$disk/device/vendor") $(content "$disk/device/model") $(content "$disk/device/name"))"
