#!/bin/bash
# make test-deploy: from nothing to a sale. Boots a Debian guest with systemd and an OpenSSH server under QEMU, deploys a
# device on it as anybody would, buys from it over the network, checks the receipt, breaks it, stops it.
# Exit 0 also where this machine cannot: it says why.
#   run.sh [amd64|arm64]
set -euo pipefail
tests=$(dirname "$(readlink -f "$0")")
root=$(readlink -f "$tests/../..")
arch=${1:-amd64}
began=$SECONDS
say() { printf 'test-deploy: %4d s  %s\n' $((SECONDS - began)) "$*"; }

case $arch in amd64 | arm64) ;; *) echo "test-deploy: amd64 or arm64?" >&2; exit 2 ;; esac
scratch=$(mktemp -d)
trap 'jobs -p | xargs -r kill 2>/dev/null; wait; rm -rf "$scratch"' EXIT
code=0
guest=$("$tests/image.sh" "$arch" 2> >(tee "$scratch/reason" >&2)) || code=$?
if [ "$code" = 3 ]; then
  echo "test-deploy: SKIPPED: $(tail -1 "$scratch/reason")"
  exit 0
fi
[ "$code" = 0 ] || exit "$code"
say "the guest's disk is there"

free_port() { node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })'; }
ssh_port=$(free_port) broker_port=$(free_port)
case $arch in
  amd64) machine=(qemu-system-x86_64 -machine q35,accel=tcg -cpu max) console=ttyS0 ;;
  arm64) machine=(qemu-system-aarch64 -M virt -cpu cortex-a72) console=ttyAMA0 ;;
esac
# No KVM: it is not everywhere. Without no_timer_check a busy machine is taken for a broken timer. What the guest writes is forgotten with it.
TMPDIR=$scratch "${machine[@]}" -smp 2 -m 1024 -nodefaults -display none -no-reboot -serial "file:$scratch/console" \
  -kernel "$guest/vmlinuz" -initrd "$guest/initramfs.gz" -append "console=$console quiet panic=-1 mitigations=off no_timer_check" \
  -drive "file=$guest/disk.img,format=raw,if=none,id=disk,snapshot=on" -device virtio-blk-pci,drive=disk -device virtio-rng-pci \
  -netdev "user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:$ssh_port-:22,hostfwd=tcp:127.0.0.1:$broker_port-:1883" \
  -device virtio-net-pci,netdev=net </dev/null >"$scratch/qemu" 2>&1 &
qemu=$!

# The only thing that is special about this board is the way to it: it stands in an ssh configuration, as anybody's may.
install -m 600 "$guest/key" "$scratch/key"
cat >"$scratch/config" <<CONFIG
Host charger1
  HostName 127.0.0.1
  Port $ssh_port
  HostKeyAlias charger1
  UserKnownHostsFile $guest/known_hosts
  IdentityFile $scratch/key
  IdentitiesOnly yes
  BatchMode yes
CONFIG
mkdir "$scratch/bin"
printf '#!/bin/sh\nexec %s -F %s "$@"\n' "$(command -v ssh)" "$scratch/config" >"$scratch/bin/ssh"
chmod 755 "$scratch/bin/ssh"
export PATH=$scratch/bin:$PATH

broken() { say "FAILED: $*"; cat "$scratch/qemu"; tail -n 20 "$scratch/console"; ssh pi@charger1 'sudo journalctl -q -o cat -n 40 -u sluice' 2>/dev/null || true; exit 1; }
until ssh -o ConnectTimeout=5 pi@charger1 true 2>/dev/null; do
  kill -0 $qemu 2>/dev/null || broken "the guest has ended"
  [ $((SECONDS - began)) -lt 1200 ] || broken "no ssh"
  sleep 1
done
say "the guest is up"

# A world at fifty times the speed is too fast for an emulated machine.
sed -e 's/host: 127.0.0.1/host: 0.0.0.0/' -e 's/^benchRate: .*/benchRate: 10/' "$root/boards/virtual-charger.yaml" >"$scratch/charger.yaml"
"$root/deploy/remote.sh" deploy pi@charger1 "$scratch/charger.yaml" || broken "make deploy"
say "deployed, and ready to sell"

# What a buyer knows of it: where its broker is, and its operator's public key, fetched the way one trusts.
sluice=$root/build/tools/sluice.js
broker=mqtt://127.0.0.1:$broker_port
export XDG_STATE_HOME=$scratch/state XDG_RUNTIME_DIR=$scratch
ssh pi@charger1 sudo cat /var/lib/sluice/keys/operator.pub >"$scratch/operator.pub"
buy() { node "$sluice" buy --broker "$broker" --identity "$scratch/buyer" --operator "$scratch/operator.pub" --timeout 60 --save "$1"; }
buy "$scratch/receipt.json" || broken "sluice buy"
node "$sluice" verify "$scratch/receipt.json" --operator "$scratch/operator.pub" || broken "sluice verify"
say "sold 1 kWh, and the receipt is good"

# Whatever ends it, it comes back by itself, with the same keys and the same books.
before=$(ssh pi@charger1 sudo systemctl show -P MainPID sluice)
ssh pi@charger1 sudo kill -KILL "$before"
back=no
for _ in $(seq 60); do
  now=$(ssh pi@charger1 sudo systemctl show -P MainPID sluice)
  if [ "$now" != "$before" ] && [ "$now" != 0 ] && "$root/deploy/remote.sh" status pi@charger1 >"$scratch/status"; then
    back=yes
    break
  fi
  sleep 2
done
[ $back = yes ] || broken "it did not come back after it was killed"
buy "$scratch/second.json" >/dev/null || broken "sluice buy, after it was killed"
node "$sluice" verify "$scratch/receipt.json" "$scratch/second.json" --operator "$scratch/operator.pub" >/dev/null || broken "sluice verify, of both"
say "killed, came back and sold again, receipts in one chain"

"$root/deploy/remote.sh" stop pi@charger1 || broken "make stop"
"$root/deploy/remote.sh" status pi@charger1 && broken "make status does not see that it is stopped"
ssh pi@charger1 'sudo journalctl -q -o cat -u sluice' >"$scratch/journal"
grep -q '^stopped: outputs open' "$scratch/journal" || broken "it was stopped, and not in order"
if grep -q 'signal SIGKILL' "$scratch/journal"; then broken "what was left of it was killed, before it had opened the outputs"; fi
say "stopped, in order"
