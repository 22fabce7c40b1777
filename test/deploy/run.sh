#!/bin/bash
# make test-deploy: from nothing to a sale, and on. Boots a Debian guest with systemd and an OpenSSH server under QEMU, deploys a
# device on it as anybody would, buys from it over the network, checks the receipt, upgrades it, upgrades it to what does not
# run, tries to in the middle of a sale, rolls it back, has it hang, stops it; and meanwhile cuts its power all through the upgrade.
# Exit 0 also where this machine cannot: it says why.
#   run.sh [arm64|amd64]
set -euo pipefail
tests=$(dirname "$(readlink -f "$0")")
root=$(readlink -f "$tests/../..")
arch=${1:-arm64}
began=$SECONDS
say() { printf 'test-deploy: %4d s  %s\n' $((SECONDS - began)) "$*"; }

case $arch in amd64 | arm64) ;; *) echo "test-deploy: amd64 or arm64?" >&2; exit 2 ;; esac
scratch=$(mktemp -d)
cuts=
trap 'trap "" INT TERM; jobs -p | xargs -r kill 2>/dev/null || true; [ -z "$cuts" ] || kill -- "-$cuts" 2>/dev/null || true; wait || true; rm -rf "$scratch"' EXIT
code=0
guest=$("$tests/image.sh" "$arch" 2> >(tee "$scratch/reason" >&2)) || code=$?
if [ "$code" = 3 ]; then
  echo "test-deploy: SKIPPED: $(tail -1 "$scratch/reason")"
  exit 0
fi
[ "$code" = 0 ] || exit "$code"
say "the guest's disk is there"

# shellcheck source=guest.sh
. "$tests/guest.sh"
broken() {
  say "FAILED: $*"
  cat "$scratch/qemu"
  tail -n 20 "$scratch/console"
  ssh pi@charger1 'sudo journalctl -q -o cat -n 60 -u sluice -u sluice-switch' 2>/dev/null || true
  exit 1
}
guest_reach
guest_boot "$guest/disk.img" "$scratch/writes"
guest_await 1200 || broken "no ssh"
say "the guest is up"

# A world at fifty times the speed is too fast for an emulated machine.
sed -e 's/host: 127.0.0.1/host: 0.0.0.0/' -e 's/^benchRate: .*/benchRate: 10/' "$root/boards/virtual-charger.yaml" >"$scratch/charger.yaml"
remote() { "$root/deploy/remote.sh" "$@"; }
there() { ssh pi@charger1 "$@"; }
releases() { there 'cd /opt/sluice && echo $(basename $(readlink current)) $(basename $(readlink confirmed)) $(basename $(readlink former || true)) && ls releases | wc -l'; }
OPERATOR=$scratch/operator.pem node "$root/build/tools/sluice.js" provision --data "$scratch/elsewhere" --operator "$scratch/operator.pem" >/dev/null
OPERATOR=$scratch/operator.pem remote deploy pi@charger1 "$scratch/charger.yaml" || broken "make deploy"
say "deployed, and ready to sell"

# What a buyer knows of it: where its broker is, and whose word counts.
sluice=$root/build/tools/sluice.js
broker=mqtt://127.0.0.1:$broker_port
export XDG_STATE_HOME=$scratch/state XDG_RUNTIME_DIR=$scratch
operator=$scratch/elsewhere/keys/operator.pub
buy() { node "$sluice" buy --broker "$broker" --identity "$scratch/buyer" --operator "$operator" --timeout 60 --save "$@"; }
buy "$scratch/receipt.json" --service 3 --units 1 || broken "sluice buy"
node "$sluice" verify "$scratch/receipt.json" --operator "$operator" || broken "sluice verify"
say "sold a minute, and the receipt is good"

# Whoever looks: nothing of it runs as root, and its keys are for it alone.
[ "$(there 'ps -o user= -C node,guard | sort -u')" = sluice ] || broken "it does not run as sluice alone"
modes=$(there 'sudo sh -c "stat -c \"%U %a %n\" /var/lib/sluice/keys /var/lib/sluice/keys/*.pem /opt/sluice/current/config /opt/sluice/current/config/*"')
if grep -Ev '^sluice (700 |600 )' <<<"$modes"; then broken "others may read that"; fi
there 'sudo ls /var/lib/sluice/keys' | grep -q operator.pem && broken "the operator's key is on the board"
there 'sudo systemd-analyze security --no-pager sluice.service | tail -1'
say "unprivileged, and its keys are its own"

first=$(releases | head -1 | cut -d' ' -f1)
sed -i 's/^name: .*/name: Second charger/' "$scratch/charger.yaml"
# How much the guest has written so far, for the power cuts of this upgrade.
written() { there sudo sync && node "$root/build/test/deploy/cuts/cuts-main.js" count "$scratch/writes"; }
from=$(written)
remote deploy pi@charger1 "$scratch/charger.yaml" | tee "$scratch/out" || broken "the second make deploy"
to=$(written)
read -r current confirmed former < <(releases)
[ "$current" = "$confirmed" ] && [ "$former" = "$first" ] && [ "$current" != "$first" ] || broken "current $current, confirmed $confirmed, former $former"
[ "$(there 'stat -c %h /opt/sluice/current/node/bin/node')" = 2 ] || broken "Node was carried twice"
# Meanwhile, because the guest keeps little more than one processor busy. A session of its own, to be ended as a whole.
cp --sparse=always "$scratch/writes" "$scratch/upgrade"
setsid "$tests/cuts/cuts.sh" "$arch" "$guest" "$scratch/upgrade" "$from" "$to" "$operator" &
cuts=$!
buy "$scratch/second.json" --service 3 --units 1 >/dev/null || broken "sluice buy, after the upgrade"
node "$sluice" verify "$scratch/receipt.json" "$scratch/second.json" --operator "$operator" >/dev/null || broken "sluice verify, of both"
say "upgraded, and sold again with the same keys and books"
second=$current

# What looks well until it runs: its self-test passes, and the device ends at once.
mkdir "$scratch/odd"
sed 's/^services:/payment:\n  services:\n    - { id: odd, use: .\/odd.mjs }\nservices:/' "$scratch/charger.yaml" >"$scratch/odd/charger.yaml"
cat >"$scratch/odd/odd.mjs" <<'MODULE'
if (process.argv[1].endsWith("sluice.js")) process.exit(1);
export const service = { id: "odd", stages: [], info() {}, call() {}, refused() {}, onInfoChanged() {} };
MODULE
code=0
remote deploy pi@charger1 "$scratch/odd/charger.yaml" | tee "$scratch/out" || code=$?
[ "$code" = 1 ] || broken "the upgrade to what does not run ended with $code"
grep -q "rolled back: $second is ready to sell again" "$scratch/out" || broken "it was not rolled back"
read -r current confirmed former < <(releases)
[ "$current $confirmed $former" = "$second $second $first" ] || broken "current $current, confirmed $confirmed, former $former"
say "rolled back by itself from a release that does not run"

# In the middle of a sale, which takes as long as this does: 60 kWh are bought, and then ended.
buy "$scratch/third.json" --units 60 >"$scratch/sale" &
sale=$!
until remote status pi@charger1 >"$scratch/status" 2>&1 && grep -q "one is running" "$scratch/status"; do
  kill -0 $sale 2>/dev/null || broken "the sale was over before anybody saw it"
  [ $((SECONDS - began)) -lt 1200 ] || broken "no sale"
done
code=0
WAIT=5 remote deploy pi@charger1 "$scratch/charger.yaml" | tee "$scratch/out" || code=$?
[ "$code" = 1 ] && grep -q "a sale is running, still after 5 s" "$scratch/out" || broken "an upgrade in the middle of a sale ended with $code"
[ "$(releases | head -1)" = "$second $second $first" ] || broken "it was changed in the middle of a sale"
node "$sluice" end last --broker "$broker" --identity "$scratch/buyer" >/dev/null || broken "sluice end"
wait $sale || broken "the sale did not end well"
node "$sluice" verify "$scratch/receipt.json" "$scratch/second.json" "$scratch/third.json" --operator "$operator" >/dev/null || broken "sluice verify, of three"
say "refused in the middle of a sale, which ended as it should"

# As one board of an inventory.
printf 'version: 1\nboards:\n  - host: pi@charger1\n    device: charger.yaml\n' >"$scratch/inventory.yaml"
"$root/deploy/fleet.sh" rollback "$scratch/inventory.yaml" || broken "make rollback"
read -r current confirmed former < <(releases)
[ "$current $confirmed $former" = "$first $first $second" ] || broken "rolled back to $current, $confirmed, $former"
remote status pi@charger1 >"$scratch/status" && grep -q '"Virtual charger"' "$scratch/status" || broken "it is not the former device"
say "rolled back by hand"

# One that hangs is ended by systemd, which misses its word, and comes back by itself with the same keys and the same books.
before=$(there sudo systemctl show -P MainPID sluice)
there sudo kill -STOP "$before"
back=no
for _ in $(seq 90); do
  now=$(there sudo systemctl show -P MainPID sluice)
  if [ "$now" != "$before" ] && [ "$now" != 0 ] && remote status pi@charger1 >"$scratch/status"; then
    back=yes
    break
  fi
  sleep 2
done
[ $back = yes ] || broken "it did not come back after it hung"
there 'sudo journalctl -q -o cat -u sluice' | grep -q 'Watchdog timeout' || broken "something else ended it"
buy "$scratch/fourth.json" --service 3 --units 1 >/dev/null || broken "sluice buy, after it hung"
say "hung, came back and sold again"

remote stop pi@charger1 || broken "make stop"
remote status pi@charger1 && broken "make status does not see that it is stopped"
remote logs pi@charger1 -n400 | tac | sed '/Stopping sluice.service/q' >"$scratch/journal"
grep -q 'Stopping sluice.service' "$scratch/journal" || broken "nothing is said of its stop"
grep -q 'stopped: outputs open' "$scratch/journal" || broken "it was stopped, and not in order"
if grep -q 'signal SIGKILL' "$scratch/journal"; then broken "what was left of it was killed, before it had opened the outputs"; fi
say "stopped, in order"

guest_end
code=0
wait $cuts || code=$?
cuts=
[ $code = 0 ] || { say "FAILED: power cuts"; exit 1; }
say "its power was cut all through an upgrade"
