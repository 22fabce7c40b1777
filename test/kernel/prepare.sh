#!/bin/bash
# Prints the folder that holds a Debian kernel for the guest and the modules that it needs, gpio-sim among them: from
# the cache, or downloaded and built. gpio-sim and irq_sim are in no Debian kernel and are built as one module.
# Exit 3, with the reason on standard error, where this machine cannot have it.
#   prepare.sh CACHE_FOLDER
set -euo pipefail

cache=$(readlink -m "$1")
unfit() { echo "$*" >&2; exit 3; }
say() { echo "test-kernel: $*" >&2; }

[ "$(dpkg --print-architecture 2>/dev/null || true)" = amd64 ] ||
  unfit "the guest runs this machine's own programs on a Debian kernel: Debian on amd64 is needed"

# ---- tools ----

missing=
for each in qemu-system-x86_64:qemu-system-x86 busybox:busybox-static cpio:cpio gcc:gcc make:make xz:xz-utils; do
  command -v "${each%:*}" >/dev/null || missing="$missing ${each#*:}"
done
if [ -n "$missing" ]; then
  [ "$(id -u)" = 0 ] || unfit "missing:$missing (sudo apt-get install$missing)"
  say "installing$missing"
  { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends $missing; } >/dev/null 2>&1 ||
    unfit "could not be installed:$missing"
fi

# ---- which kernel: its name moves with every update, so apt is asked ----

newest() { apt-cache depends linux-image-amd64 2>/dev/null | sed -n 's/.*Depends: linux-image-\([0-9].*\)/\1/p' | head -1; }
version=$(newest)
if [ -z "$version" ] && [ "$(id -u)" = 0 ]; then
  apt-get -qq update >/dev/null 2>&1 || true
  version=$(newest)
fi
# What this script makes changes with it.
recipe=$(sha256sum "$0" | cut -c1-8)
if [ -n "$version" ] && [ -e "$cache/$version-$recipe/gpio-sim.ko" ]; then
  echo "$cache/$version-$recipe"
  exit
fi

# ---- from nothing ----

mkdir -p "$cache"
work=$(mktemp -d "$cache/part.XXXXXX")
trap 'rm -rf "$work"' EXIT
older() {
  local known
  known=$(ls -d "$cache"/[0-9]*-"$recipe" 2>/dev/null | sort -V | tail -1)
  [ -n "$known" ] || unfit "$1, and none is in $cache"
  say "$1; using ${known##*/}"
  echo "$known"
  exit
}
[ -n "$version" ] || older "apt knows no linux-image-amd64"

kbuild=$(apt-cache depends "linux-headers-$version" | sed -n 's/.*Depends: \(linux-\(kbuild\|headers\)-.*\)/\1/p')
source=linux-source-$(grep -oE '^[0-9]+\.[0-9]+' <<<"$version")
download() {
  say "downloading kernel $version"
  local package pids=() failed=0
  for package in "linux-image-$version" "linux-headers-$version" $kbuild "$source"; do
    (cd "$work" && apt-get -qq download "$package" 2>/dev/null) & pids+=($!)
  done
  for pid in "${pids[@]}"; do wait "$pid" || failed=1; done
  return $failed
}
download || { [ "$(id -u)" = 0 ] && apt-get -qq update >/dev/null 2>&1 && version=$(newest) && download; } ||
  older "kernel $version could not be downloaded"

say "building gpio-sim for kernel $version"
modules=lib/modules/$version/kernel
needed="drivers/virtio drivers/char/virtio_console.ko drivers/watchdog/watchdog.ko drivers/watchdog/softdog.ko net/9p fs/netfs fs/fscache fs/9p fs/configfs"
mkdir "$work/oot" "$work/out"
(
  tree=$source
  dpkg-deb --fsys-tarfile "$work/$source"_*.deb | tar -xO "./usr/src/$tree.tar.xz" |
    tar -xJ -C "$work/oot" --transform 's:.*/::' \
      "$tree"/drivers/gpio/gpio-sim.c "$tree"/drivers/gpio/gpiolib.h "$tree"/kernel/irq/irq_sim.c
) & unpacking=$!
for package in "linux-headers-$version" $kbuild; do dpkg-deb -x "$work/$package"_*.deb "$work/headers"; done
dpkg-deb --fsys-tarfile "$work/linux-image-$version"_*.deb |
  tar -x -C "$work" "./boot/vmlinuz-$version" $(printf "./$modules/%s " $needed) 2>/dev/null
wait "$unpacking"

headers=$work/headers/usr/src
sed -i "s:/usr/src/:$headers/:" "$headers/linux-headers-$version/Makefile"
# irq_to_desc is not exported to modules; this does the same with what is.
sed -i 's/handle_simple_irq(irq_to_desc(\(.*\)));/generic_handle_irq_safe(\1);/' "$work/oot/irq_sim.c"
printf 'obj-m := gpio_sim_whole.o\ngpio_sim_whole-y := gpio-sim.o irq_sim.o\n' >"$work/oot/Makefile"
compiler=$(command -v gcc-12 || command -v gcc)
make -s -C "$headers/linux-headers-$version" M="$work/oot" CC="$compiler" modules >"$work/log" 2>&1 ||
  { cat "$work/log" >&2; exit 1; }

for module in $(find "$work/$modules" -name '*.ko'); do cp "$module" "$work/out/"; done
strip --strip-debug "$work/oot/gpio_sim_whole.ko" -o "$work/out/gpio-sim.ko"
cp "$work/boot/vmlinuz-$version" "$work/out/vmlinuz"
rm -rf "$cache/$version-$recipe"
mv "$work/out" "$cache/$version-$recipe"
echo "$cache/$version-$recipe"
