#!/bin/sh
# Run by systemd around the device: one that ends again and again is started at growing distances, up to a minute
# apart, so that a board with a broken disk or a wrong device file neither gives up nor wears itself out. systemd has
# RestartSteps= for this from version 254 on; Debian 12 has 252.
#   pause.sh          before a start: waits as long as the lives before say
#   pause.sh ended    after an end: counts it, if it was no stop in order ($SERVICE_RESULT) and came soon after the last one
set -eu
# Count, and seconds since boot: the wall clock of a board jumps. Gone with every stop in order.
file=$RUNTIME_DIRECTORY/ends
SOON_S=600
PAUSE_S_MAX=60

ends=0 at=0
{ read -r ends at <"$file"; } 2>/dev/null || true
case $ends-$at in *[!0-9-]* | -* | *- | ?????????*-*) ends=0 at=0 ;; esac

case ${1:-} in
  ended)
    if [ "${SERVICE_RESULT:-}" = success ]; then rm -f "$file"; exit; fi
    read -r now _ </proc/uptime
    now=${now%.*}
    [ $((now - at)) -le $SOON_S ] || ends=0
    echo "$((ends + 1)) $now" >"$file"
    ;;
  "")
    [ "$ends" -ge 2 ] || exit 0
    seconds=$PAUSE_S_MAX
    [ "$ends" -ge 7 ] || seconds=$((1 << (ends - 1)))
    echo "ended $ends times shortly after one another: waiting for $seconds s"
    sleep "$seconds"
    ;;
  *) echo "pause.sh: with ended, or with nothing" >&2; exit 2 ;;
esac
