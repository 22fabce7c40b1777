#!/bin/sh
# Run by systemd, as root, before each start of the device (sluice-choose.service): decides which release it will be.
# A release that was switched to may try once, and deploy/switch.sh confirms it when it is ready; one that comes by here again
# without that has failed, or the power went: then it is the confirmed one's turn. The copy that runs is the confirmed release's.
set -eu
home=${1:-/opt/sluice}
next=${2:-/run/sluice-next}
cd "$home"

manager() { [ -d /run/systemd/system ]; }
# Of what the tar brought and install looked at, node is the first and the unit the last.
whole() { [ -x "$1/node/bin/node" ] && [ -f "$1/config/device.yaml" ] && [ -s "$1/sluice.service" ]; }
# One rename, so that there is no moment without a release.
turn_to() {
  ln -sfn "$1" current.new
  mv -T current.new current
  current=$1 turned=yes
}

# Somebody wants the device started that runs.
if manager && [ "$(systemctl show -P MainPID sluice)" != 0 ]; then exit 0; fi
turned=
confirmed=$(readlink confirmed)
current=$(readlink current || true)
if [ -f "$next" ]; then
  wanted=releases/$(cat "$next")
  rm -f "$next"
  [ "$wanted" = "$current" ] || turn_to "$wanted"
fi
if [ "$current" != "$confirmed" ] && whole "$confirmed"; then
  if ! whole "$current" || [ -e "$current/tried" ]; then
    echo "${current#*/} did not get ready: back to ${confirmed#*/}"
    turn_to "$confirmed"
  else
    echo "trying ${current#*/}"
    : >"$current/tried"
  fi
  sync -f .
fi
# Its unit is another one.
if [ -n "$turned" ] && manager; then systemctl daemon-reload; fi
