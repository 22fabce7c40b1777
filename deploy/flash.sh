#!/bin/bash
# make flash: writes an image to a card, after it has looked at the card and asked.
#   flash.sh CARD IMAGE [SYS [PROC]]     SYS and PROC are /sys and /proc, for tests another folder
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
card=${1:-} image=${2:-} world=("${@:3}")
fail() { echo "flash: $*" >&2; exit 1; }

checked=$("$here/card.sh" "$card" "${world[@]}") || exit
[ -n "$image" ] || { echo "flash: which image? make flash CARD=$card IMAGE=build/sluice-rpi4.img" >&2; exit 2; }
[ -f "$image" ] || fail "there is no image $image: make image BOARD=rpi4 DEVICE=boards/pi-charger.yaml"
# A table of partitions, as the start of every image has it.
[ "$(od -An -tx1 -j510 -N2 "$image" | tr -d ' ')" = 55aa ] || fail "$image is no image of a disk"
size=$(stat -L -c %s "$image")
room=${checked%% *}
[ "$size" -le "$room" ] || fail "$card has $((room / 1000000)) MB, and the image takes $((size / 1000000)): take a larger card"
[ -w "$card" ] || fail "$card may not be written by you: sudo make flash CARD=$card IMAGE=$image"
[ -t 0 ] || fail "nobody is there to be asked: run it in a terminal"

name=$(basename "$card")
echo "$card: ${checked#* }, $((room / 1000000000)).$((room / 100000000 % 10)) GB"
echo "Everything on it is lost. Type its name ($name) to write $image over it:"
read -r answer || answer=
[ "$answer" = "$name" ] || fail "nothing was written"
# While we waited it may have been mounted, or another card put in.
[ "$("$here/card.sh" "$card" "${world[@]}")" = "$checked" ] || fail "$card is not what it was: try again"
"$here/write-card.sh" "$image" "$card"
[ ! -b "$card" ] || blockdev --rereadpt "$card" 2>/dev/null || true
echo "$card holds the image, and all of it was read back. A sluice.txt on its first partition (see example.txt there)"
echo "gives the board a name, an ssh key, a network. Then put it into the board."
