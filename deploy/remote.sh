#!/bin/bash
# make deploy, rollback, status, logs, stop: puts a device on a board over plain ssh, goes back to the release before, asks how
# it is and what it said, stops it.
#   [WAIT=SECONDS] [OPERATOR=KEY_FILE] remote.sh deploy HOST DEVICE_FILE
#   [WAIT=SECONDS] remote.sh rollback HOST;   remote.sh status|stop HOST;   remote.sh logs HOST [OPTION_OF_JOURNALCTL...]
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
root=$(readlink -f "$here/..")
verb=${1:-} host=${2:-} file=${3:-}
# What a release takes unpacked, twice: the former one stays.
NEEDED_KB=400000
READY_S=300
# How long a sale that runs there is waited for.
IDLE_S=${WAIT:-600}

fail() { echo "$verb: $*" >&2; exit 1; }
usage() { echo "$verb: $*" >&2; exit 2; }

[ -n "$host" ] || usage "which board? make $verb HOST=pi@charger1"
case $IDLE_S in *[!0-9]* | ???????*) usage "WAIT=$IDLE_S: how many seconds a sale that runs there is waited for" ;; esac
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
  "${over[@]}" "$sudo bash -s -- $*" <"$here/on-target.sh" 2>"$scratch/words" >"$scratch/answer" || code=$?
  [ "$code" != 255 ] || ssh_failed "$(cat "$scratch/words")"
  cat "$scratch/words" >&2
  if [ "$code" = 4 ]; then fail "$host $(cat "$scratch/answer")"; fi
  cat "$scratch/answer"
  return "$code"
}

# Starts the switch, which is the board's own business from then on, and passes on what it says.
switch_to() {
  local code line=1 tries=0
  on_target switch "$1" "$IDLE_S" "$READY_S" || fail "$host could not begin with the switch (why is above)"
  while :; do
    code=0
    "${over[@]}" "$sudo bash -s -- follow $line" <"$here/on-target.sh" 2>"$scratch/words" | tee "$scratch/answer" || code=$?
    line=$((line + $(wc -l <"$scratch/answer")))
    case $code in
      0) return 0 ;;
      3) return 1 ;;
      4) fail "$host: $(tail -1 "$scratch/answer")" ;;
    esac
    tries=$((tries + 1))
    [ $tries -lt 5 ] || fail "the way to $host broke while it changes to $1. It goes on by itself, and back by itself where that does not get ready: make status HOST=$host"
    sleep 3
  done
}

# The board makes its keys itself; what travels is its request, and the operator's word on it.
certify() {
  on_target request "$1" >"$scratch/request" || fail "$host could not ask for a certificate (why is above)"
  # The board has one of its own from this operator, or was made for a bench: it says so, and asks for none.
  [ -s "$scratch/request" ] || return 0
  node "$root/build/tools/sluice.js" provision --certify "$scratch/request" --operator "$OPERATOR" --out "$scratch/certificate" >&2 ||
    fail "the operator's key gave $host no certificate (why is above)"
  on_target certify "$1" "$(base64 -w0 "$scratch/certificate")" || fail "$host did not take the certificate (why is above)"
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
  logs)
    code=0
    shift 2
    case "$*" in *[!\ -~]* | *[\;\&\|\<\>\`\$\(\)\"\'\\]*) usage "ARGS are options of journalctl, such as -f, -n50 or --since=today" ;; esac
    "${over[@]}" "$sudo bash -s -- logs $*" <"$here/on-target.sh" || code=$?
    exit $((code > 0))
    ;;
  rollback)
    former=$(on_target former) || exit 1
    echo "going back to $former"
    switch_to "$former" || exit 1
    code=0
    on_target status || code=$?
    exit $((code > 0))
    ;;
  deploy) ;;
  *) usage "deploy, rollback, status, logs or stop" ;;
esac

# ---- deploy ----

[ -n "$file" ] || usage "which device? make deploy HOST=$host DEVICE=boards/virtual-charger.yaml"
[ -z "${OPERATOR:-}" ] || [ -f "$OPERATOR" ] || usage "OPERATOR=$OPERATOR: there is no such file; sluice provision makes an operator's key"
node "$root/build/tools/list-carried.js" "$file" >/dev/null 2>"$scratch/words" || fail "$(tail -1 "$scratch/words")"

arch=$(on_target probe "$NEEDED_KB") || exit 1
echo "$host is $arch"
mkdir "$scratch/release"
release=$("$here/release.sh" "$arch" "$file" "$scratch/release" 2>"$scratch/words") || fail "$(tail -1 "$scratch/words")"

sum() { sha256sum <"$scratch/release/$1.sha256" | cut -d' ' -f1; }
# What the board has is not carried again: it answers with what that is, having looked at every byte of it.
there=$(on_target make "$release" "$(sum node)" "$(sum modules)") || exit 1
rest=()
case $there in *node*) rest+=(--exclude=./node/\*) ;; esac
case $there in *modules*) rest+=(--exclude=./app/node_modules/\*) ;; esac
echo "carrying $release"
code=0
tar -C "$scratch/release" --dereference --owner=0 --group=0 --mode=u+rwX,go=rX "${rest[@]}" --exclude='*.d.ts' --exclude=./app/build/tools/bench -c . | gzip -1 |
  "${over[@]}" "$sudo tar -xz --no-overwrite-dir -C /opt/sluice/releases/part-$release" 2>"$scratch/words" || code=$?
if [ "$code" != 0 ]; then
  grep -q "No space left" "$scratch/words" && fail "the disk of $host is full: remove something and try again"
  ssh_failed "$(cat "$scratch/words")"
fi
echo "looking at it there"
on_target install "$release"
[ -z "${OPERATOR:-}" ] || certify "$release"
switch_to "$release" || exit 1
code=0
on_target status || code=$?
exit $((code > 0))
