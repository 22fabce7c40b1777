#!/bin/bash
# make deploy, status and rollback with HOSTS: the same for every board of an inventory, ten at a time, with a line for each step of
# each board and a table in the end. Exit 1 if any of them failed.
#   fleet.sh deploy|status|rollback INVENTORY
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
root=$(readlink -f "$here/..")
verb=${1:-} inventory=${2:-}
AT_ONCE=10

case $verb in deploy | status | rollback) ;; *) echo "$verb: not with HOSTS; one by one, with HOST=pi@charger1" >&2; exit 2 ;; esac
boards=$(node "$root/build/tools/list-inventory.js" "$inventory" 2>&1) || { echo "$verb: $boards" >&2; exit 1; }
scratch=$(mktemp -d)
declare -A host_of
stop() {
  # Each board has a session of its own, which ends what it began.
  for pid in "${!host_of[@]}"; do kill -TERM -- "-$pid" 2>/dev/null || true; done
  rm -rf "$scratch"
}
trap stop EXIT
trap 'echo "$verb: stopped; a board that was changing to another release comes to an end by itself: make status" >&2; exit 130' INT TERM

width=$(cut -f1 <<<"$boards" | wc -L)
# Without a terminal of its own nothing there can ask for a password, ten times at once.
board() {
  local started=$SECONDS code=0
  "$here/remote.sh" "$verb" "$1" "$2" </dev/null 2>&1 | while IFS= read -r line; do
    printf '%-*s  %s\n' "$width" "$1" "$line"
    printf '%s\n' "$line" >"$scratch/$3.last"
  done || code=$?
  printf '%s %s\n' "$code" $((SECONDS - started)) >"$scratch/$3.end"
}
export -f board
export here verb width scratch

number=0
while IFS=$'\t' read -r host device; do
  while [ "$(jobs -rp | wc -l)" -ge $AT_ONCE ]; do wait -n || true; done
  number=$((number + 1))
  setsid -w bash -o pipefail -c 'board "$@"' board "$host" "$device" $number &
  host_of[$!]=$host
done <<<"$boards"
wait || true

failed=0
echo
number=0
while IFS=$'\t' read -r host _; do
  number=$((number + 1))
  read -r code took <"$scratch/$number.end" || code=1 took=0
  if [ "$code" = 0 ]; then state=ok; else state=FAILED failed=$((failed + 1)); fi
  printf '%-*s  %-6s  %4d s  %s\n' "$width" "$host" "$state" "$took" "$(cat "$scratch/$number.last" 2>/dev/null)"
done <<<"$boards"
echo "$verb: $((number - failed)) of $number boards are well"
exit $((failed > 0))
