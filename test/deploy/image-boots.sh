#!/bin/bash
# make test-image: the SD image boots in an emulated computer through U-Boot, with the script that the board runs, makes its
# keys and sells, over the network and to a card; a new root comes over ssh, is tried, and sells; one that does not start
# gives way to the other; another copy of the same image makes other keys; and Debian's kernel brings it up on an emulated
# Raspberry Pi 3.
# Exit 0 also where this machine cannot: it says why.
set -euo pipefail
tests=$(dirname "$(readlink -f "$0")")
root=$(readlink -f "$tests/../..")
began=$SECONDS
PATH=$PATH:/usr/sbin:/sbin
told=$SECONDS
# Since the beginning, and since the words before.
say() {
  printf 'test-image: %4d s, +%d s  %s\n' $((SECONDS - began)) $((SECONDS - told)) "$*"
  told=$SECONDS
}

missing=
for each in qemu-system-aarch64:qemu-system-arm /usr/lib/u-boot/qemu_arm64/u-boot.bin:u-boot-qemu debugfs:e2fsprogs ssh:openssh-client; do
  command -v "${each%:*}" >/dev/null || [ -e "${each%:*}" ] || missing="$missing ${each#*:}"
done
if [ -n "$missing" ]; then
  { [ "$(id -u)" = 0 ] && apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends $missing; } >/dev/null 2>&1 ||
    { say "SKIPPED: missing:$missing (sudo apt-get install$missing)"; exit 0; }
fi
[ "$(id -u)" = 0 ] || { say "SKIPPED: making an image needs root"; exit 0; }

mkdir -p "$root/build"
scratch=$(mktemp -d "$root/build/test-image.XXXXXX")
trap 'jobs -p | xargs -r kill 2>/dev/null || true; wait || true; rm -rf "$scratch"' EXIT
# shellcheck source=guest.sh
. "$tests/guest.sh"

# The only way in is the one that everybody has: a key that sluice.txt names.
ssh-keygen -q -t ed25519 -N "" -C guest -f "$scratch/key"
printf 'hostname=charger1\nssh-key=%s\n' "$(cat "$scratch/key.pub")" >"$scratch/sluice.txt"
# An emulated computer is slow, and a meter that was not read for 3 s of the world is a lost one: the world goes slowly, too,
# and a second in it costs enough to be seen on a receipt.
sed -e 's/host: 127.0.0.1/host: 0.0.0.0/' -e 's/^benchRate: .*/benchRate: 0.25/' -e 's/amountMinor: 6,/amountMinor: 600,/' "$root/boards/virtual-pi-charger.yaml" >"$scratch/charger.yaml"
"$root/deploy/image/compose.sh" virt "$scratch/charger.yaml" "$scratch/sluice.txt" || exit 1
image=$root/build/sluice-virt.img
say "the image is there, $(sha256sum "$image" | cut -c1-16)"

ssh_port=$(free_port) broker_port=$(free_port)
there() {
  ssh -q -F /dev/null -i "$scratch/key" -p "$ssh_port" -o BatchMode=yes -o ConnectTimeout=60 -o ServerAliveInterval=30 -o ServerAliveCountMax=4 \
    -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null pi@127.0.0.1 "$@"
}
broken() {
  say "FAILED: $*"
  cat "$scratch/qemu" 2>/dev/null
  tr -d '\r' <"$scratch/console" | tail -n 40
  there 'sudo journalctl -q -b -o cat -n 60' 2>/dev/null || true
  exit 1
}

# boot DISK: the firmware of this computer is Debian's U-Boot for QEMU; the rest is on the disk.
boot() {
  : >"$scratch/console"
  qemu-system-aarch64 -M virt -cpu cortex-a72 -smp 2 -m 1024 -nodefaults -display none -bios /usr/lib/u-boot/qemu_arm64/u-boot.bin \
    -serial "file:$scratch/console" -drive "file=$1,format=raw,if=none,id=disk" -device virtio-blk-pci,drive=disk -device virtio-rng-pci \
    -netdev "user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:$ssh_port-:22,hostfwd=tcp:127.0.0.1:$broker_port-:1883" \
    -device virtio-net-pci,netdev=net </dev/null >"$scratch/qemu" 2>&1 &
  qemu=$!
}
# Until WORDS ring true in the guest, at most SECONDS.
await() {
  local until=$((SECONDS + $1))
  until there "$2" >/dev/null 2>&1; do
    kill -0 $qemu 2>/dev/null && [ $SECONDS -lt $until ] || broken "$3"
    sleep 2
  done
}
bench() { there "sudo XDG_RUNTIME_DIR=/run/sluice /opt/sluice/current/node/bin/node /opt/sluice/current/app/build/tools/sluice.js bench $* --data /var/lib/sluice"; }
READY="timeout 20 bash -c 'exec 3<>/dev/tcp/127.0.0.1/8737 && printf \"GET /ready HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n\" >&3 && grep -q \"\\\"ok\\\":true\" <&3'"
ready() {
  await 900 true "nobody can log in"
  await 900 'systemctl -q is-active sluice' "the device does not start"
  # It sells to a vehicle that is plugged in.
  bench clear vehicle >/dev/null || broken "sluice bench"
  await 300 "$READY" "the device does not get ready"
}
off() {
  there 'sudo systemctl poweroff' 2>/dev/null || true
  timeout 180 tail --pid=$qemu -f /dev/null || broken "it does not switch off"
}
new_disk() {
  cp --sparse=always "$image" "$1"
  # A card that is larger than the image.
  truncate -s 4G "$1"
}
# What is this board's alone, in one line each.
identity() { there 'sudo cat /var/lib/sluice/keys/operator.pub /etc/machine-id /etc/ssh/ssh_host_ed25519_key.pub'; }
sluice=$root/build/tools/sluice.js
export XDG_STATE_HOME=$scratch/state XDG_RUNTIME_DIR=$scratch
# Over the network, ended by the buyer after two seconds of the world: what was not delivered is paid back.
buy() {
  there 'sudo cat /var/lib/sluice/keys/operator.pub' >"$scratch/operator.pub"
  node "$sluice" buy --json --broker "mqtt://127.0.0.1:$broker_port" --identity "$scratch/buyer" --operator "$scratch/operator.pub" --timeout 120 --service 2 --units 1 --save "$scratch/receipt.json" \
    >"$scratch/words" 2>&1 &
  local buyer=$! until=$((SECONDS + 300))
  until grep -Eq '"step":"progress".*"pulses":([2-9]|[0-9]{2})' "$scratch/words"; do
    kill -0 $buyer 2>/dev/null && [ $SECONDS -lt $until ] || { cat "$scratch/words"; broken "sluice buy"; }
    sleep 1
  done
  kill -INT $buyer
  wait $buyer && grep -q '"stop":"consumer-end"' "$scratch/words" || { cat "$scratch/words"; broken "sluice buy"; }
  node "$sluice" verify "$scratch/receipt.json" --operator "$scratch/operator.pub" >"$scratch/words" || { cat "$scratch/words"; broken "sluice verify"; }
  grep -E '^  (delivered|amount|captured|refund)|^verified' "$scratch/words" | sort -u
}
# What this computer said since its last start that we asked for.
said() { tail -c +$((mark + 1)) "$scratch/console" | tr -d '\r'; }
# Until U-Boot says WORDS, at most SECONDS.
await_boot() {
  local until=$((SECONDS + $1))
  until said | grep "$2" >/dev/null; do
    kill -0 $qemu 2>/dev/null && [ $SECONDS -lt $until ] || broken "U-Boot did not say: $2"
    sleep 1
  done
}
# install ROOT_FILE SLOT: as docs/image.md says it.
install_root() {
  gzip -1 <"$1" | there 'sudo sluice-slot install' || broken "sluice-slot install"
  there 'sudo sluice-slot' | grep "the next start is root $2, 3 starts left, on trial" || broken "root $2 is not to be tried"
  say "installed over ssh as root $2"
  mark=$(stat -c %s "$scratch/console")
  there 'sudo reboot' || true
}
confirmed() { await 300 "sudo sluice-slot | grep -q 'root $1 runs; the next start is root $1, 3 starts left'" "root $1 is not confirmed"; }

# ---- the first start ----

new_disk "$scratch/card"
boot "$scratch/card"
ready
grep -q 'sluice: root a, 2 more starts' "$scratch/console" || broken "U-Boot did not start root a by our script"
say "started by U-Boot, ready to sell"
confirmed a
[ "$(there hostname)" = charger1 ] || broken "sluice.txt did not name it"
there 'sudo mount -o ro /dev/vda1 /boot/firmware && ! ls /boot/firmware/sluice.txt 2>/dev/null && sudo umount /boot/firmware' || broken "sluice.txt is still there"
there '! sudo grep -vE "^[^:]+:[!*]" /etc/shadow' || broken "somebody has a password"
there '! touch /usr/x 2>/dev/null && ! sudo touch /usr/x 2>/dev/null' || broken "the root can be written"
[ "$(there 'df -Pm /data | awk "NR == 2 { print \$2 }"')" -gt 2000 ] || broken "the data partition did not grow"
[ "$(there 'ps -o user= -C node,guard | sort -u')" = sluice ] || broken "the device does not run as sluice alone"
buy
say "sold over the network, the receipt is good; named by sluice.txt, no password, root read-only, data grown"

bench tap visa-test >/dev/null
sleep 30
bench press stop >/dev/null
for _ in $(seq 60); do
  bench paper >"$scratch/paper" 2>&1 || true
  ! grep -q kWh "$scratch/paper" || break
  sleep 2
done
grep kWh "$scratch/paper" || broken "no receipt was printed for the card"
say "sold to a card at the board"
identity >"$scratch/first"

# ---- a new root ----

# Told from the one that the image has in both its places by a file of its own.
cp --sparse=always "$root/build/sluice-root.ext4" "$scratch/root.ext4"
echo new >"$scratch/new"
printf 'cd /usr/lib/sluice\nwrite %s new\n' "$scratch/new" | debugfs -w -f - "$scratch/root.ext4" >/dev/null 2>&1
install_root "$scratch/root.ext4" b
await_boot 300 'sluice: root b, 2 more starts'
ready
confirmed b
[ "$(there 'cat /usr/lib/sluice/new')" = new ] || broken "it is not the root that was installed"
identity | cmp - "$scratch/first" || broken "it is another board now"
buy
say "root b is the new one, confirmed, and sells with the same keys"

# ---- a root that does not start ----

debugfs -w -R "rm /usr/lib/systemd/systemd" "$scratch/root.ext4" >/dev/null 2>&1
install_root "$scratch/root.ext4" a
rm "$scratch/root.ext4"
await_boot 600 'sluice: root a was started three times and never confirmed: root b'
ready
said | grep -o 'sluice: root .*' | uniq -c
[ "$(said | grep -c 'sluice: root a, [012] more starts')" = 3 ] || broken "root a was not tried three times"
confirmed b
identity | cmp - "$scratch/first" || broken "it is another board now"
buy
say "root a did not start three times, root b sells again, with the same keys"
off

# ---- another card of the same image ----

new_disk "$scratch/card"
boot "$scratch/card"
ready
identity >"$scratch/second"
while read -r line; do
  ! grep -qF -e "$line" "$scratch/second" || case $line in -----*) ;; *) broken "two boards share: $line" ;; esac
done <"$scratch/first"
buy
say "another card of the same image has keys of its own, and sells"
off

# ---- a Raspberry Pi 3, without its own first stage, which QEMU does not have ----

new_disk "$scratch/card"
parts=$(ls -d "$root"/.cache/image/root-*)
label=$(od -An -N4 -j440 -tx4 "$scratch/card" | tr -d ' ')
: >"$scratch/console"
qemu-system-aarch64 -M raspi3b -nodefaults -display none -serial "file:$scratch/console" -kernel "$parts/vmlinuz" -initrd "$parts/initrd" \
  -dtb "$parts/firmware/bcm2837-rpi-3-b.dtb" -drive "file=$scratch/card,format=raw,if=sd" -no-reboot \
  -append "root=PARTUUID=$label-02 sluice.slot=a console=ttyAMA0 panic=10 systemd.show_status=1" </dev/null >"$scratch/qemu" 2>&1 &
qemu=$!
until=$((SECONDS + 900))
until grep -qa 'Started .*sluice.service' "$scratch/console"; do
  kill -0 $qemu 2>/dev/null && [ $SECONDS -lt $until ] || broken "the emulated Raspberry Pi 3 does not come up"
  sleep 2
done
grep -qa 'Raspberry Pi 3' "$scratch/console" || broken "it is no Raspberry Pi 3"
say "an emulated Raspberry Pi 3 comes up from its card as far as the device"
kill $qemu
say "passed"
