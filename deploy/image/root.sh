#!/bin/bash
# Prints the folder that holds what every image has in common: root.ext4, one whole system with its kernel; data.tar, what
# the data partition begins with; firmware/, the board's own first stage and U-Boot; from the cache of this day, or made.
# Exit 3, with the reason on standard error, where this machine cannot have it.
#   root.sh CACHE_FOLDER
set -euo pipefail
image=$(dirname "$(readlink -f "$0")")
cache=$1
ROOT_SIZE=768M
unfit() { echo "$*" >&2; exit 3; }

debian=$("$image/debian.sh" "$cache")
kept=$cache/root-$(cat "$image"/* "$image"/../sluice{.rules,.sysusers,-choose.service} | sha256sum | cut -c1-8)-${debian##*-}
if [ -e "$kept" ]; then
  echo "$kept"
  exit
fi
rm -rf "$cache"/root-*
work=$(mktemp -d "$cache/part.XXXXXX")
chmod 755 "$work"
trap 'rm -rf "$work"' EXIT
tree=$work/tree out=$work/out
cp -a "$debian/tree" "$tree"
"$image/kernel.sh" "$debian/kernel" "$tree"
"$image/furnish.sh" "$tree"

mkdir -p "$out/firmware"
cp "$debian"/boards/usr/lib/raspi-firmware/{bootcode.bin,start.elf,start4.elf,fixup.dat,fixup4.dat} "$out/firmware/"
cp "$debian/boards/usr/lib/u-boot/rpi_arm64/u-boot.bin" "$image/config.txt" "$out/firmware/"
# The firmware hands the one that fits on to U-Boot, with what it knows of this very board in it; so both roots have the same.
cp "$debian"/kernel/usr/lib/linux-image-*/broadcom/bcm{2711,2837}*.dtb "$out/firmware/"
mkimage -q -A arm64 -T script -n sluice -d "$image/boot.cmd" "$out/firmware/boot.scr" >/dev/null
cp "$tree/boot/initrd" "$tree/boot/vmlinuz" "$out/"

# What changes lies on the data partition, which both roots share; here are the folders over which it is mounted.
mkdir -p "$work"/data/{etc/upper,etc/work,opt} "$tree/data" "$tree/boot/firmware"
mv "$tree/var" "$tree/home" "$work/data/"
mkdir -p "$tree"/{var,home,opt}
tar -C "$work/data" --numeric-owner -c . >"$out/data.tar"
PATH="$PATH:/usr/sbin:/sbin" mke2fs -q -t ext4 -O ^has_journal -m 0 -L sluice-root -d "$tree" "$out/root.ext4" $ROOT_SIZE >"$work/log" 2>&1 ||
  { cat "$work/log" >&2; unfit "the root file system could not be made: its words are above"; }
mv "$out" "$kept"
echo "$kept"
