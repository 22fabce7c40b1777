#!/bin/sh
# On the board, as root: which of the two root file systems runs, and which is tried next. The state is the sector that
# U-Boot counts in (boot.cmd says how).
#   sluice-slot            says it
#   sluice-slot confirm    waits until the device serves, then makes this root the one that is started
#   sluice-slot install    writes standard input, a root file system, over the other root, and tries that at the next start
set -eu
TRIAL_S=600

data=$(findmnt -n -o SOURCE /data)
disk=/dev/$(lsblk -n -o PKNAME "$data")
part=${data%4}
this=$(sed -n 's/.*sluice\.slot=\([ab]\).*/\1/p' /proc/cmdline)
case $this in a) other=b number=3 ;; b) other=a number=2 ;; *) echo "this system was not started by the image's U-Boot" >&2; exit 1 ;; esac
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
echo "$disk 0x8000 0x200" >"$scratch/config"

state() { fw_printenv -c "$scratch/config" -n "$1" 2>/dev/null || true; }
# One sector, so all three or none.
keep() {
  printf 'slot=%s\nleft=%s\ntrial=%s\n' "$@" >"$scratch/state"
  fw_setenv -c "$scratch/config" -s "$scratch/state"
  sync "$disk"
  [ "$(state slot) $(state left) $(state trial)" = "$*" ] || { echo "the state on $disk could not be written: is the card worn?" >&2; exit 1; }
}

case ${1:-} in
  "") echo "root $this runs; the next start is root $(state slot), $(state left) starts left$([ "$(state trial)" != 1 ] || echo ', on trial')" ;;
  confirm)
    until systemctl -q is-active sluice; do
      if [ "$(cut -d. -f1 /proc/uptime)" -gt $TRIAL_S ] && [ "$(state trial)" = 1 ]; then
        echo "root $this is on trial, and the device does not serve after $TRIAL_S s: starting again"
        systemctl reboot
        exit
      fi
      sleep 5
    done
    keep "$this" 3 0
    echo "root $this is confirmed"
    ;;
  install)
    room=$(blockdev --getsize64 "$part$number")
    # One byte more than there is room for, to see that it is too long.
    trap 'rm -rf "$scratch" /data/root.part' EXIT
    head -c $((room + 1)) >"/data/root.part"
    size=$(stat -c %s /data/root.part)
    [ "$size" -le "$room" ] || { echo "what was given is longer than the $room bytes of a root" >&2; exit 1; }
    [ "$(blkid -p -s LABEL -o value /data/root.part)" = sluice-root ] || { echo "what was given is no root file system: make image keeps it as root.ext4" >&2; exit 1; }
    # From here on the other root is none: should the power fail, this one goes on.
    keep "$this" 3 0
    dd if=/data/root.part of="$part$number" bs=4M conv=fsync status=none
    blockdev --flushbufs "$part$number"
    cmp -n "$size" /data/root.part "$part$number" || { echo "what was written to root $other reads otherwise: is the card worn?" >&2; exit 1; }
    keep "$other" 3 1
    echo "root $other is tried at the next start: sudo reboot"
    ;;
  *) echo "sluice-slot: confirm, install, or nothing" >&2; exit 2 ;;
esac
