#!/bin/bash
# In the guest: makes places that can be written to, runs the worker of the Vitest outside, prints what was counted and
# switches off. run.sh looks for the last line.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin VITEST=true NODE_ENV=test NO_COLOR=1
tests=$(dirname "$(readlink -f "$0")")
root=$(readlink -f "$tests/../..")

mkdir -p /dev/pts /dev/shm
mount -t tmpfs none /run
mkdir /run/tree
mount --bind "$root" /run/tree
for place in /tmp /var/tmp /dev/shm; do mount -t tmpfs none "$place"; done
# The tree itself may lie in one of them.
[ -e "$root" ] || { mkdir -p "$root" && mount --bind /run/tree "$root"; }
cd "$root" || exit 1
mount -t devpts none /dev/pts
mount -t configfs none /sys/kernel/config
ip link set lo up
export HOME=/run/home
mkdir -p /run/home /run/sluice-kernel

for word in $(cat /proc/cmdline); do
  case $word in
    sluice-node=*) PATH=${word#*=}:$PATH ;;
    sluice-generator=*) ln -s "${word#*=}" /run/sluice-kernel/pulse-generator ;;
  esac
done

node "$tests/guest-worker.mjs" /dev/vport*p1
node "$tests/figures.mjs" /run/sluice-kernel/figures
echo "sluice-guest: ended"
echo o >/proc/sysrq-trigger
/bin/busybox sleep 60
