#!/bin/bash
# Cuts the power in the middle of an upgrade, afterwards: from the log of all that the guest wrote, rebuilds the disk as it was
# at 20 flushes, and as it may have been after some of them; checks each file system; starts what a board would start there,
# which has to be a release that is whole and can sell; boots three of them, and buys there.
#   cuts.sh ARCH GUEST LOG FROM TO OPERATOR   GUEST: what image.sh printed; FROM, TO: entries of the log between which the
#                                             upgrade is; OPERATOR: the public key that a buyer trusts
# SEED=N repeats what was torn.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
root=$(readlink -f "$here/../../..")
arch=$1 guest=$2 log=$3 from=$4 to=$5 operator=$6
STATES=20
# After so many of these flushes, those around the switch, a part of what came next is on the disk too.
TORN=4
SEED=${SEED:-$RANDOM}
AT_ONCE=2
START_S=240
BOOT_S=600
began=$SECONDS
say() { printf 'cuts: %4d s  %s\n' $((SECONDS - began)) "$*"; }
skip() { say "SKIPPED: $*"; exit 0; }
broken() { say "FAILED: $*"; exit 1; }
export PATH=$PATH:/usr/sbin:/sbin
scratch=$(mktemp -d)
trap 'trap "" INT TERM; jobs -p | xargs -r kill 2>/dev/null || true; wait || true; rm -rf "$scratch"' EXIT
cuts() { node "$root/build/test/deploy/cuts/cuts-main.js" "$@"; }
. "$here/../guest.sh"

# ---- what this machine needs for it ----

missing=
for each in e2fsck:e2fsprogs debugfs:e2fsprogs ip:iproute2 unshare:util-linux; do
  command -v "${each%:*}" >/dev/null || missing="$missing ${each#*:}"
done
[ "$arch" = "$(dpkg --print-architecture)" ] || command -v qemu-aarch64-static >/dev/null || missing="$missing qemu-user-static"
[ "$(id -u)" = 0 ] || skip "a rebuilt disk is mounted, which needs root"
if [ -n "$missing" ]; then
  say "installing$missing"
  { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends $missing; } >/dev/null 2>&1 ||
    skip "missing:$missing (sudo apt-get install$missing)"
fi
# What was made for the board is started here, by an emulated processor and in the very file tree: a boot of each takes four times as long.
[ "$arch" = "$(dpkg --print-architecture)" ] || "$here/../binfmt.sh" 2>"$scratch/reason" || skip "$(tail -n 1 "$scratch/reason")"

# ---- disks ----

# disk_at ENTRY FILE: the disk when all before this entry was written, and nothing else.
disk_at() {
  cp --sparse=always "$guest/disk.img" "$2"
  cuts apply "$log" "$2" 0 "$1" >/dev/null
}

# The journal replayed, and after that not a fault. What -p may do besides is to forget files that were deleted while open.
check() { { e2fsck -p "$1" || [ $? = 1 ]; } && e2fsck -fn "$1"; }

# points_to LINK DISK: the release that a link of the board names.
points_to() { debugfs -R "stat /opt/sluice/$1" "$2" 2>/dev/null | sed -n 's|.*Fast link dest: "releases/\(.*\)"|\1|p'; }

# first_with LINK RELEASE: the first of the flushes at which the link names the release. It does so from there on, so half of
# what is left is looked at each time.
first_with() {
  local low=0 high=$((${#flushes[@]} - 1)) middle
  while [ $low -lt $high ]; do
    middle=$(((low + high) / 2))
    disk_at "${flushes[middle]}" "$scratch/looked"
    check "$scratch/looked" >/dev/null 2>&1 || return
    if [ "$(points_to "$1" "$scratch/looked")" = "$2" ]; then high=$middle; else low=$((middle + 1)); fi
  done
  echo "${flushes[low]}"
}

# Every file of a release, but for the mark that it is on trial.
manifest() {
  unshare --mount bash -euc 'mount -o loop,ro "$1" "$2" && cd "$2/opt/sluice/releases/$3" && find . -type f ! -name tried -exec sha256sum {} + | sort' \
    manifest "$1" "$scratch/at" "$2"
}

# ---- one state ----

# examine FOLDER: its disk, which it uses up. Prints what is wrong with it, or "ok" and the release that it started.
examine() {
  local folder=$1 told release
  check "$folder/disk" >"$folder/fsck" 2>&1 || { echo "its file system: $(grep -v '^Pass' "$folder/fsck" | head -3 | tr '\n' ' ')"; return; }
  told=$(timeout --foreground $((START_S + 60)) unshare --mount --net --pid --fork --kill-child "$here/state.sh" "$folder/disk" "$folder" $START_S 2>&1) ||
    { echo "does not start: $told"; return; }
  release=${told##*/}
  [ -e "$scratch/whole.$release" ] || { echo "starts $told, which is neither the former release nor the new one"; return; }
  check "$folder/disk" >"$folder/after" 2>&1 || { echo "its file system, after the start: $(grep -v '^Pass' "$folder/after" | head -3 | tr '\n' ' ')"; return; }
  told=$(manifest "$folder/disk" "$release" | diff "$scratch/whole.$release" - | head -3) || { echo "starts $release, which is not whole: $told"; return; }
  echo "ok $release"
}

# ---- which states ----

mkdir "$scratch/at"
say "$((to - from)) writes and flushes in one upgrade; seed $SEED"
disk_at "$from" "$scratch/former"
disk_at "$to" "$scratch/latter"
for each in former latter; do
  check "$scratch/$each" >/dev/null 2>&1 || broken "the file system where nothing was cut"
  release=$(points_to confirmed "$scratch/$each")
  [ -n "$release" ] || broken "no release is confirmed where nothing was cut"
  printf -v $each %s "$release"
  manifest "$scratch/$each" "$release" >"$scratch/whole.$release"
  rm "$scratch/$each"
done
[ "$former" != "$latter" ] || broken "no upgrade is in the log"
mapfile -t flushes < <(cuts flushes "$log" "$from" "$to")
switched=$(first_with current "$latter") && confirmed=$(first_with confirmed "$latter") || broken "a file system cannot be repaired"
say "${#flushes[@]} flushes; from $former to $latter: switched at $switched, confirmed at $confirmed"
cuts plan "$log" "$from" "$to" $STATES $TORN "$switched" "$confirmed" >"$scratch/plan"

# ---- all of them ----

running=0
while read -r entry how <&3; do
  folder=$scratch/$entry-$how
  mkdir "$folder"
  disk_at "$entry" "$folder/disk"
  [ "$how" = flushed ] || cuts tear "$log" "$folder/disk" "$entry" "$SEED" >/dev/null
  if [ $running = $AT_ONCE ]; then wait -n || true; else running=$((running + 1)); fi
  { examine "$folder" >"$folder/verdict" 2>&1 || echo "could not be examined" >>"$folder/verdict"; rm -f "$folder/disk"; } 3<&- &
done 3<"$scratch/plan"
wait
good=0 old=0 new=0
while read -r entry how; do
  verdict=$(cat "$scratch/$entry-$how/verdict")
  printf 'cuts:         %6s %-7s  %s\n' "$entry" "$how" "$verdict"
  case $verdict in
    "ok $former") good=$((good + 1)) old=$((old + 1)) ;;
    "ok $latter") good=$((good + 1)) new=$((new + 1)) ;;
  esac
done <"$scratch/plan"
total=$(wc -l <"$scratch/plan")
say "$good of $total states are whole, start and can sell: the former release in $old, the new one in $new; $(grep -l 'recovering journal' "$scratch"/*/fsck | wc -l) had a journal to replay"
[ "$good" = "$total" ] || broken "a power cut in this upgrade leaves a board that does not sell"
[ $old -gt 0 ] && [ $new -gt 0 ] || broken "the switch is not among the states"

# ---- three are booted ----

# boot ENTRY: the disk as it was there, in a machine of its own, until it can sell, and sells. Prints what is wrong, or "ok" and the release.
boot() {
  local began=$SECONDS
  scratch=$scratch/boot-$1
  mkdir "$scratch"
  disk_at "$1" "$scratch/disk"
  guest_reach
  trap guest_end EXIT
  guest_boot "$scratch/disk"
  rm "$scratch/disk"
  guest_await $BOOT_S || { echo "does not boot: $(tail -n 3 "$scratch/console" | tr '\n' ' ')"; return; }
  until "$root/deploy/remote.sh" status pi@charger1 >"$scratch/status" 2>&1; do
    [ $SECONDS -lt $((began + BOOT_S)) ] || { echo "is not ready: $(tail -n 3 "$scratch/status" | tr '\n' ' ')"; return; }
    sleep 2
  done
  export XDG_STATE_HOME=$scratch/state XDG_RUNTIME_DIR=$scratch
  node "$root/build/tools/sluice.js" buy --broker "mqtt://127.0.0.1:$broker_port" --identity "$scratch/buyer" --operator "$operator" \
    --service 3 --units 1 --timeout 120 --save "$scratch/receipt.json" >"$scratch/buy" 2>&1 || { echo "does not sell: $(tail -n 1 "$scratch/buy")"; return; }
  node "$root/build/tools/sluice.js" verify "$scratch/receipt.json" --operator "$operator" >/dev/null || { echo "sells, and its receipt is bad"; return; }
  echo "ok $(sed -n 's/^release *//p' "$scratch/status")"
}

# While it is carried, on trial, and when it is confirmed.
booted=("$(sed -n '3s/ .*//p' "$scratch/plan")" "$switched" "$confirmed")
for entry in "${booted[@]}"; do
  boot "$entry" >"$scratch/booted-$entry" 2>&1 &
done
wait
for entry in "${booted[@]}"; do
  verdict=$(tail -n 1 "$scratch/booted-$entry")
  printf 'cuts:         %6s booted   %s\n' "$entry" "$verdict"
  case $verdict in "ok "*) ;; *) broken "a board whose power was cut does not come back" ;; esac
done
say "three were booted, and each sold a minute"
