#!/bin/bash
# Writes an image over a card, and reads all of it back.
#   write-card.sh IMAGE CARD
set -euo pipefail
image=$1 card=$2
CHUNK_MIB=64
size=$(stat -L -c %s "$image")
chunks=$(((size + CHUNK_MIB * 1048576 - 1) / (CHUNK_MIB * 1048576)))
direct=()
# Past the memory of this computer, or it would be compared with itself.
[ ! -b "$card" ] || direct=(iflag=direct)
show() { printf '\r%s %3d %%' "$1" $((100 * $2 / chunks)) >&2; }
fail() { printf '\nflash: %s\n' "$*" >&2; exit 1; }

for ((chunk = 0; chunk < chunks; chunk++)); do
  show "writing " "$chunk"
  dd if="$image" of="$card" bs=4M skip=$((chunk * CHUNK_MIB / 4)) seek=$((chunk * CHUNK_MIB / 4)) count=$((CHUNK_MIB / 4)) \
    conv=notrunc,fsync status=none 2>/dev/null || fail "$card could not be written at $((chunk * CHUNK_MIB)) MiB: try another card"
done
show "writing " "$chunks"
echo >&2
[ ! -b "$card" ] || blockdev --flushbufs "$card"
wanted=$(sha256sum <"$image")
found=$(for ((chunk = 0; chunk < chunks; chunk++)); do
  show checking "$chunk"
  dd if="$card" bs=4M skip=$((chunk * CHUNK_MIB / 4)) count=$((CHUNK_MIB / 4)) "${direct[@]}" status=none 2>/dev/null || break
done | head -c "$size" | sha256sum)
[ "$wanted" = "$found" ] || fail "$card reads otherwise than it was written: it is broken, or not what it says it is. Do not use it"
show checking "$chunks"
echo >&2
