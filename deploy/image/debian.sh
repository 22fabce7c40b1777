#!/bin/bash
# Prints the folder with Debian for the board, nothing of ours in it yet: tree/ is installed, kernel/ and boards/ (the Pi's
# firmware, U-Boot) are only unpacked: what these would do on being installed is done by kernel.sh, for both roots.
# Packages are fetched once and kept; what is made of them is made anew each day, for the sake of repairs.
# Exit 3, with the reason on standard error, where this machine cannot have it.
#   debian.sh CACHE_FOLDER
set -euo pipefail
image=$(dirname "$(readlink -f "$0")")
cache=$1
unfit() { echo "$*" >&2; exit 3; }

kept=$cache/debian-$(sha256sum "$0" | cut -c1-8)-$(date -u +%Y%m%d)
if [ -e "$kept/kernel" ]; then
  echo "$kept"
  exit
fi
[ "$(id -u)" = 0 ] || unfit "the system is put together as root: sudo make image"
"$image/../../test/deploy/binfmt.sh" || exit
rm -rf "$cache"/debian-*
mkdir -p "$cache/archives"
work=$(mktemp -d "$cache/part.XXXXXX")
chmod 755 "$work"
trap 'rm -rf "$work"' EXIT

packages=systemd-sysv,systemd-resolved,systemd-timesyncd,udev,dbus,libstdc++6,libatomic1,openssh-server,sudo,procps
packages+=,e2fsprogs,fdisk,kmod,iproute2,netbase,busybox-static,libubootenv-tool,wpasupplicant,wireless-regdb,firmware-brcm80211
export archives=$cache/archives unpacked=$work/unpacked
# The hooks run the apt of this machine, in the folder's name.
mmdebstrap --quiet --mode=root --variant=minbase --arch=arm64 --components=main,non-free-firmware --include=$packages \
  --skip=download/empty,essential/unlink --dpkgopt=force-unsafe-io \
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
  --setup-hook='mkdir -p "$1/var/cache/apt/archives/partial"; find "$archives" -name "*.deb" -exec ln -f -t "$1/var/cache/apt/archives" {} +' \
  --customize-hook='find "$1/var/cache/apt/archives" -name "*.deb" -exec ln -f -t "$archives" {} +' \
  --customize-hook='export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"
    kernel=$(apt-cache depends linux-image-arm64 | sed -n "s/.*Depends: \(linux-image-[0-9].*\)/\1/p" | head -1)
    cd "$archives"
    for each in "$kernel" raspi-firmware u-boot-rpi; do
      apt-get -qq -o APT::Sandbox::User=root download "$each"
      echo "$each $(ls -t "$archives/${each}"_*.deb | head -1)" >>"$unpacked"
    done' \
  bookworm "$work/tree" >"$work/log" 2>&1 || { tail -20 "$work/log" >&2; unfit "Debian could not be installed into a folder: its words are above"; }

mkdir "$work/boards" "$work/unpacking"
while read -r package file; do
  case $package in linux-image-*) into=$work/unpacking ;; *) into=$work/boards ;; esac
  dpkg-deb --fsys-tarfile "$file" | tar -x -C "$into"
done <"$unpacked"
rm -rf "$work"/tree/var/cache/apt/* "$work"/tree/var/lib/apt/lists/* "$work"/tree/var/log/* "$work/log" "$unpacked"
mv "$work/unpacking" "$work/kernel"
mv "$work" "$kept"
trap - EXIT
echo "$kept"
