#!/bin/bash
# Starts, in a rebuilt disk, what a board would start after a power cut, by the lines of the units that are on that disk: what
# chooses the release, then the device, until it says that it can sell. In name spaces of its own: no port and no process of
# this machine is touched, and all ends with it. On standard output: the release that was started.
#   unshare --mount --net --pid --fork --kill-child state.sh DISK FOLDER SECONDS
set -euo pipefail
disk=$1 folder=$2 root=$2/root limit=$3
fail() { echo "$*"; [ ! -e "$folder/device.log" ] || tail -n 5 "$folder/device.log"; exit 1; }
setting() { sed -n "s/^$1=//p" <<<"$unit"; }

mkdir -p "$root"
mount -o loop "$disk" "$root" || fail "cannot be mounted"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs run "$root/run"
ip link set lo up

# Reads a unit of that disk through the board's own links; the settings are of the last one read.
read_unit() {
  unit=$(chroot "$root" cat "/etc/systemd/system/$1" | tr -d '\0') && [ -n "$unit" ] || fail "has no $1, or an empty one"
  local user
  user=$(setting User)
  ids=$(sed -n "s/^${user:-root}:[^:]*:\([0-9]*:[0-9]*\):.*/\1/p" "$root/etc/passwd")
  [ -n "$ids" ] || fail "has no user $user"
}

# as_unit NAME: each line of that setting (systemd.service(5): a minus means that it may fail; $$ is a dollar). Where the
# processor is emulated it is one of a Pi, which signs no pointers: that would take a fifth of the time.
as_unit() {
  local line
  while read -r line; do
    (exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin RUNTIME_DIRECTORY=/run/sluice STATE_DIRECTORY=/var/lib/sluice QEMU_CPU=cortex-a72 $(setting Environment) \
      chroot --userspec="$ids" "$root" sh -c "exec $(sed 's/^-//; s/\$\$/$/g' <<<"$line")") >>"$folder/device.log" 2>&1 </dev/null ||
      [ "${line#-}" != "$line" ] || return 1
  done < <(setting "$1")
}

[ -L "$root/etc/systemd/system/multi-user.target.wants/sluice.service" ] || fail "has a unit that is not started at boot"
# Before each start it is decided which release it is.
read_unit sluice-choose.service
as_unit ExecStart || fail "cannot choose its release"
read_unit sluice.service
grep -q '^Wants=.*sluice-choose.service' <<<"$unit" || fail "does not choose its release before it starts"
# What systemd does for StateDirectory= and RuntimeDirectory= (systemd.exec(5)).
mkdir -p "$root/run/sluice" "$root/var/lib/sluice"
chown -R "$ids" "$root/run/sluice" "$root/var/lib/sluice"
as_unit ExecStartPre || fail "cannot be prepared"
as_unit ExecStart &
device=$!
port=$(setting ExecStart | sed -n 's/.*--health \([0-9]*\).*/\1/p')
answer() { (exec 3<>"/dev/tcp/127.0.0.1/$port" && printf 'GET /ready HTTP/1.0\r\nHost: localhost\r\n\r\n' >&3 && timeout 10 cat <&3) 2>/dev/null; }
until answer | grep -q '"ok":true'; do
  kill -0 $device 2>/dev/null || fail "the device has ended"
  [ "$SECONDS" -lt "$limit" ] || fail "not ready after $limit s: $(answer | tail -n 1)"
  sleep 0.2
done
readlink "$root/opt/sluice/current"
