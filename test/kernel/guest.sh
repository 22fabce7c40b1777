#!/bin/bash
# In the guest: makes places that can be written to, runs the tests that need a real kernel, prints what was counted and
# switches off. The last line says how it went; run.sh reads it.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin NO_COLOR=1
tests=$(dirname "$(readlink -f "$0")")
cd "$tests/../.." || exit 1

mkdir -p /dev/pts /dev/shm
for place in /run /tmp /var/tmp /dev/shm; do mount -t tmpfs none "$place"; done
mount -t devpts none /dev/pts
mount -t configfs none /sys/kernel/config
ip link set lo up
export HOME=/run/home
mkdir -p /run/home /run/sluice-kernel

for word in $(cat /proc/cmdline); do
  case $word in
    sluice-node=*) PATH=${word#*=}:$PATH ;;
    sluice-generator=*) ln -s "${word#*=}" /run/sluice-kernel/pulse-generator ;;
    sluice-tests=*) names=${word#*=} ;;
  esac
done

# One file after the other: what one measures, another would disturb.
node node_modules/vitest/vitest.mjs run --configLoader runner --cache=false --no-file-parallelism \
  --testTimeout 60000 ${names//,/ } 2>&1
code=$?
node "$tests/figures.mjs" /run/sluice-kernel/figures
echo
echo "sluice-guest: ended $code"
echo o >/proc/sysrq-trigger
/bin/busybox sleep 60
