#!/bin/bash
# make deploy, make status, make stop: puts a device on a board over plain ssh, asks how it is, stops it.
#   remote.sh deploy HOST DEVICE_FILE | status HOST | stop HOST
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
root=$(readlink -f "$here/..")
verb=${1:-} host=${2:-} file=${3:-}
# What a release takes unpacked, twice: the former one stays.
NEEDED_KB=400000
READY_S=300

fail() { echo "$verb: $*" >&2; exit 1; }
usage() { echo "$verb: $*" >&2; exit 2; }

[ -n "$host" ] || usage "which board? make $verb HOST=pi@charger1"
case $host in -* | *[[:space:]]*) usage "'$host' is no name of a host" ;; esac
command -v ssh >/dev/null || fail "there is no ssh here: sudo apt-get install openssh-client"

scratch=$(mktemp -d)
trap 'ssh -q -o ControlPath="$scratch/%C" -O exit "$host" 2>/dev/null || true; rm -rf "$scratch"' EXIT
# One connection for everything, so that a password is asked for once.
over=(ssh -o ConnectTimeout=15 -o ServerAliveInterval=10 -o ControlMaster=auto -o ControlPath="$scratch/%C" -o ControlPersist=60 "$host")

# Says in our words why ssh itself failed.
ssh_failed() {
  local words=$1
  case $words in
    *"Could not resolve"*) fail "no host is called ${host#*@}: is the name right, and the board on this network?" ;;
    *"Connection refused"*) fail "$host is there but has no ssh server: sudo systemctl enable --now ssh, on the board" ;;
    *"timed out"* | *"No route to host"* | *"Network is unreachable"*) fail "$host does not answer: is it on, and on this network?" ;;
    *"Host key verification failed"* | *"IDENTIFICATION HAS CHANGED"*) fail "the key of $host is not the one known here, or not known at all: look at it with: ssh $host" ;;
    *"Permission denied"*) fail "$host does not let us in: ssh-copy-id $host" ;;
    *) fail "ssh to $host failed: $(tail -1 <<<"$words")" ;;
  esac
}

# Runs a verb of on-target.sh as root; its standard output is ours.
on_target() {
  local code=0
  "${over[@]}" "$sudo sh -s -- $*" <"$here/on-target.sh" 2>"$scratch/words" >"$scratch/answer" || code=$?
  [ "$code" != 255 ] || ssh_failed "$(cat "$scratch/words")"
  cat "$scratch/words" >&2
  if [ "$code" = 4 ]; then fail "$host $(cat "$scratch/answer")"; fi
  cat "$scratch/answer"
  return "$code"
}

# ---- who are we there ----

code=0
"${over[@]}" 'if [ "$(id -u)" = 0 ]; then echo root; elif sudo -n true 2>/dev/null; then echo sudo; else echo neither; fi' \
  </dev/null >"$scratch/answer" 2>"$scratch/words" || code=$?
[ "$code" = 0 ] || ssh_failed "$(cat "$scratch/words")"
case $(tail -1 "$scratch/answer") in
  root) sudo= ;;
  sudo) sudo="sudo -n" ;;
  *) fail "$host: we are not root there, and sudo wants a password: make $verb HOST=root@${host#*@}, or allow sudo without one" ;;
esac

case $verb in
  stop)
    on_target stop
    echo "$host is stopped, its outputs are open; it starts again at boot, and with: make deploy"
    exit
    ;;
  status)
    code=0
    on_target status || code=$?
    exit $((code > 0))
    ;;
  deploy) ;;
  *) usage "deploy, status or stop" ;;
esac

# ---- deploy ----

[ -n "$file" ] || usage "which device? make deploy HOST=$host DEVICE=boards/virtual-charger.yaml"
node --input-type=module -e '
  const { readDeviceFile } = await import(process.argv[1]);
  const read = readDeviceFile(process.argv[2]);
  if (!read.ok) { console.error(`deploy: ${read.fault.message}${read.fault.at === undefined ? "" : ` (${read.fault.at})`}`); process.exit(1); }' \
  "$root/build/tools/device-file.js" "$file" || exit 1

arch=$(on_target probe "$NEEDED_KB") || exit 1
echo "$host is $arch"
parts=$("$here/target.sh" "$arch" 2>"$scratch/words") || { fail "$(tail -1 "$scratch/words")"; }

version=$(node -p "require('$root/package.json').version")
release=$version-$(date -u +%Y%m%dT%H%M%SZ)
# A tree of links, so that nothing is copied twice on its way into the one tar.
mkdir -p "$scratch/release/app/build/native"
ln -s "$parts/node" "$scratch/release/node"
ln -s "$parts/app/node_modules" "$parts/app/package.json" "$scratch/release/app/"
ln -s "$parts/native" "$scratch/release/app/build/native/$arch"
for folder in boards firmware hal tools; do ln -s "$root/build/$folder" "$scratch/release/app/build/"; done
cp "$file" "$scratch/release/device.yaml"
cp "$here/sluice.service" "$scratch/release/"

on_target make
echo "carrying $release"
code=0
tar -C "$scratch/release" --dereference --owner=0 --group=0 --exclude='*.d.ts' --exclude='app/build/tools/bench' -c . | gzip -1 |
  "${over[@]}" "$sudo tar -xz -C /opt/sluice/releases/part" 2>"$scratch/words" || code=$?
if [ "$code" != 0 ]; then
  grep -q "No space left" "$scratch/words" && fail "the disk of $host is full: remove something and try again"
  ssh_failed "$(cat "$scratch/words")"
fi
echo "starting it"
on_target install "$release"
on_target await "$READY_S"
code=0
on_target status || code=$?
exit $((code > 0))
