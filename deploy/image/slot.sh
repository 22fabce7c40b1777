#!/bin/bash
# On the board, as root: which of the two root file systems runs, and which is tried next. The state is the sector that
# U-Boot counts in (boot.cmd says how).
#   sluice-slot            says it
#   sluice-slot confirm    waits until the device serves, then makes this root the one that is started
#   sluice-slot install    writes standard input, a root file system packed by gzip, over the other root, and has that tried
#                          at the next start
# A folder after the word is taken for /proc, for tests.
set -euo pipefail
TRIAL_S=600
# ext4 knows itself by its first superblock, bytes 1024 to 2047. These are written last: what is half there is no root.
HEAD=4096
# A program that every root has, to tell the processor by.
PROGRAM=/usr/bin/dash
EXAMPLE="gzip -1 <build/sluice-root.ext4 | ssh pi@charger1 'sudo sluice-slot install && sudo reboot'"

fail() { echo "sluice-slot: $*" >&2; exit 1; }

word=${1:-} proc=${2:-/proc}
case $word in "" | confirm | install) ;; *) echo "sluice-slot: confirm, install, or nothing" >&2; exit 2 ;; esac
[ "$(id -u)" = 0 ] || fail "only root may look at the card: sudo sluice-slot $word"
data=$(findmnt -n -o SOURCE /data) || fail "there is no data partition: this system was not started from a card of make image"
disk=/dev/$(lsblk -n -o PKNAME "$data")
part=${data%4}
this=$(sed -n 's/.*sluice\.slot=\([ab]\).*/\1/p' "$proc/cmdline")
case $this in a) other=b number=3 ;; b) other=a number=2 ;; *) fail "this system was not started by the image's U-Boot" ;; esac
target=$part$number
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
echo "$disk 0x8000 0x200" >"$scratch/config"
# Past the board's memory, so that what is read back comes from the card, and a sale's commits do not wait behind it.
direct=
[ ! -b "$target" ] || direct=,direct

state() { fw_printenv -c "$scratch/config" -n "$1" 2>/dev/null || true; }
on_trial() { [ "$(state slot) $(state trial)" = "$this 1" ]; }
# One sector, so all three or none. What cannot be read is made anew (-f).
keep() {
  printf 'slot=%s\nleft=%s\ntrial=%s\n' "$@" >"$scratch/state"
  fw_setenv -c "$scratch/config" -f "$scratch/state" -s "$scratch/state" 2>"$scratch/words" && sync "$disk" &&
    [ "$(state slot) $(state left) $(state trial)" = "$*" ] || fail "the state on $disk could not be written: is the card worn?"
}
# The same lock keeps udev from looking at a disk that is being written (systemd, "Locking Block Device Access").
lock() { exec 9<"$disk" && flock "$@" 9; }

show() {
  case $(state slot) in
    [ab]) echo "root $this runs; the next start is root $(state slot), $(state left) starts left$([ "$(state trial)" != 1 ] || echo ', on trial')" ;;
    *) echo "root $this runs; the state on $disk cannot be read: the next start is root a" ;;
  esac
}

confirm() {
  until systemctl -q is-active sluice; do
    if on_trial && [ "$(cut -d. -f1 "$proc/uptime")" -gt $TRIAL_S ]; then
      echo "root $this is on trial, and the device does not serve after $TRIAL_S s: starting again"
      systemctl reboot
      return
    fi
    sleep 5
  done
  lock
  if [ "$(state slot)" = "$other" ]; then
    echo "root $other was installed meanwhile, and is tried at the next start"
    return
  fi
  keep "$this" 3 0
  echo "root $this is confirmed"
}

# Of the superblock, the number of four bytes at this place (Linux, Documentation/filesystems/ext4/super.rst).
field() { od -An --endian=little -tu4 -j $((1024 + $1)) -N 4 "$scratch/head"; }
# e_machine of a program (elf(5)).
machine() { od -An -tx1 -j 18 -N 2 2>/dev/null; }
erase_head() { dd if=/dev/zero of="$target" bs=$HEAD count=1 conv=notrunc,fsync status=none; }

# Writes a file system from standard input, but for its head. Every failure ends it: errexit does not work in here.
receive() {
  local room size
  room=$(blockdev --getsize64 "$target") || fail "$target cannot be read: is the card worn?"
  head -c $HEAD >"$scratch/head"
  [ "$(blkid -p -s LABEL -o value "$scratch/head")" = sluice-root ] || fail "what was given is no root of make image, packed by gzip: $EXAMPLE"
  # s_log_block_size, s_blocks_count_lo
  [ "$(field 24)" -le 6 ] || fail "what was given has blocks of no possible size: make the image again"
  size=$(($(field 4) << (10 + $(field 24))))
  [ $size -gt $HEAD ] && [ $size -le "$room" ] ||
    fail "what was given takes $size bytes, and there are $room for a root: make the image again, and write the card with make flash"
  # From here on the other root is none: should the power fail, this one goes on.
  keep "$this" 3 0
  erase_head || fail "root $other could not be written: is the card worn?"
  echo "writing root $other, $((size / 1000000)) MB"
  mkfifo "$scratch/copy"
  b2sum <"$scratch/copy" >"$scratch/sum" &
  head -c $((size - HEAD)) | tee "$scratch/copy" |
    LC_ALL=C dd of="$target" bs=4M iflag=fullblock oflag=seek_bytes$direct seek=$HEAD conv=notrunc,fsync 2>"$scratch/dd" ||
    fail "root $other could not be written: $(grep -m 1 dd: "$scratch/dd"): is the card worn?"
  wait
  [ "$(head -c 1 | wc -c)" = 0 ] || fail "what was given is longer than the file system in it: make the image again"
  echo "$size $(awk '/ copied/ { print $1 }' "$scratch/dd")" >"$scratch/came"
}

install_root() {
  local ended=(0 0) size came found
  [ ! -t 0 ] || { echo "sluice-slot: a root file system is read from standard input: $EXAMPLE" >&2; exit 2; }
  lock -w 10 || fail "another install is at work: wait for it"
  # The other root is the one that is known to be good.
  ! on_trial || fail "root $this is on trial itself: within $((TRIAL_S / 60)) minutes it is confirmed or left; try again then"
  ! findmnt -n -S "$target" >"$scratch/words" || fail "root $other is mounted: sudo umount $target"
  gzip -dc 2>"$scratch/unpacked" | receive || ended=("${PIPESTATUS[@]}")
  [ "${ended[1]}" = 0 ] || exit 1
  [ "${ended[0]}" = 0 ] || fail "what was given broke off or is damaged ($(tail -1 "$scratch/unpacked")): root $this stays; send it again"
  read -r size came <"$scratch/came"
  [ "$came" = $((size - HEAD)) ] || fail "what was given ends after $((HEAD + came)) of $size bytes: make the image again; root $this stays"

  echo "reading it back"
  found=$(dd if="$target" bs=4M iflag=fullblock,skip_bytes,count_bytes$direct skip=$HEAD count="$came" status=none | b2sum) || found=
  [ "$found" = "$(cat "$scratch/sum")" ] || fail "what was written to root $other reads otherwise: is the card worn? Root $this stays"
  dd if="$scratch/head" of="$target" bs=$HEAD conv=notrunc,fsync status=none
  if [ "$(debugfs -R "cat $PROGRAM" "$target" 2>/dev/null | machine)" != "$(machine <$PROGRAM)" ]; then
    erase_head
    fail "what was given is for another processor: root $this stays"
  fi
  keep "$other" 3 1
  echo "root $other is tried at the next start: sudo reboot"
}

case $word in
  "") show ;;
  confirm) confirm ;;
  install) install_root ;;
esac
