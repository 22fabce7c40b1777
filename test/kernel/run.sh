#!/bin/bash
# make test-kernel: boots a Debian kernel with simulated GPIO chips under QEMU, this machine's own file system in it
# read-only, and runs in it the tests that need a real kernel. Exit 0 also where this machine cannot: it says why.
#   run.sh [TEST_FILE...]
set -euo pipefail
tests=$(dirname "$(readlink -f "$0")")
root=$(readlink -f "$tests/../..")
cache=$root/.cache/kernel
mkdir -p "$cache"

exec 9>"$cache/lock"
flock 9
reason=$(mktemp)
sockets=$(mktemp -d)
trap 'rm -rf "$reason" "$sockets" "${scratch:-}"; [ -z "${guest:-}" ] || kill "$guest"' EXIT
code=0
kernel=$("$tests/prepare.sh" "$cache" 2> >(tee "$reason" >&2)) || code=$?
if [ "$code" = 3 ]; then
  echo "test-kernel: SKIPPED: $(tail -1 "$reason")"
  exit 0
fi
[ "$code" = 0 ] || exit "$code"
flock -u 9

scratch=$(mktemp -d "$cache/run.XXXXXX")
cc -O2 -Wall -Wextra -o "$scratch/pulse-generator" "$tests/pulse-generator.c"
mkdir -p "$scratch/initramfs/bin" "$scratch/initramfs/modules"
cp "$(command -v busybox)" "$scratch/initramfs/bin/busybox"
cp "$kernel"/*.ko "$scratch/initramfs/modules/"
install -m 755 "$tests/initramfs-init" "$scratch/initramfs/init"
(cd "$scratch/initramfs" && find . | cpio -o -H newc --quiet | gzip -1) >"$scratch/initramfs.gz"

# norandmaps: QEMU keeps what it has translated of a program by its addresses.
words="console=ttyS0 quiet panic=-1 mitigations=off norandmaps"
words="$words sluice=$tests sluice-node=$(dirname "$(readlink -f "$(command -v node)")") sluice-generator=$scratch/pulse-generator"
echo "test-kernel: booting $(basename "${kernel%-*}") under QEMU"
# No KVM: it is not everywhere, and what is measured here must not depend on it. Left out of the processor is what makes
# each access to memory slower where it is emulated.
timeout 600 qemu-system-x86_64 -machine q35,accel=tcg -cpu max,la57=off,smap=off,smep=off,pcid=off -m 2048 -smp 2 -nodefaults -display none \
  -no-reboot -serial stdio -kernel "$kernel/vmlinuz" -initrd "$scratch/initramfs.gz" -append "$words" \
  -fsdev local,id=root,path=/,security_model=none,readonly=on,multidevs=remap \
  -device virtio-9p-pci,fsdev=root,mount_tag=root \
  -device virtio-serial-pci -chardev "socket,id=port,path=$sockets/port,server=on,wait=off" \
  -device virtserialport,chardev=port </dev/null >"$scratch/console" & guest=$!
# Vitest runs here, its worker there: see guest-pool.ts.
(cd "$root" && GUEST_PORT=$sockets/port node node_modules/vitest/vitest.mjs run --config test/kernel/vitest.config.ts \
  ${*:-test/contract/pins test/kernel}) || code=$?

# The worker has ended with its port; then the guest prints what was counted and switches off.
timeout 20 tail --pid=$guest -f /dev/null || kill "$guest"
guest=
sed -e 's/\r//g' -e '/sysrq: Power Off\|reboot: Power down/d' -e '/^sluice-guest: ended$/{w '"$scratch/ended"'
d}' "$scratch/console"
[ -s "$scratch/ended" ] || { echo "test-kernel: the guest did not come to its end"; exit 1; }
exit "$code"
