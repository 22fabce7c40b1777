#!/bin/bash
# Prints the folder that holds a Debian guest as somebody would sell it to a stranger: kernel, disk with systemd and an
# OpenSSH server, and the key that its user pi lets in; from the cache, or built.
# Exit 3, with the reason on standard error, where this machine cannot have it.
#   image.sh amd64|arm64
set -euo pipefail
tests=$(dirname "$(readlink -f "$0")")
cache=$(readlink -f "$tests/../..")/.cache/guest
arch=$1
unfit() { echo "$*" >&2; exit 3; }
say() { echo "guest $arch: $*" >&2; }

case $arch in
  amd64) qemu=qemu-system-x86_64:qemu-system-x86 ;;
  arm64) qemu=qemu-system-aarch64:qemu-system-arm ;;
esac
missing=
for each in $qemu mmdebstrap:mmdebstrap mke2fs:e2fsprogs cpio:cpio modprobe:kmod ssh:openssh-client; do
  PATH="$PATH:/usr/sbin:/sbin" command -v "${each%:*}" >/dev/null || missing="$missing ${each#*:}"
done
[ "$arch" = "$(dpkg --print-architecture 2>/dev/null)" ] || command -v arch-test >/dev/null || missing="$missing arch-test"
if [ -n "$missing" ]; then
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || unfit "missing:$missing (sudo apt-get install$missing)"
  say "installing$missing"
  { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends $missing; } >/dev/null 2>&1 ||
    unfit "could not be installed:$missing"
fi

recipe=$(sha256sum "$0" | cut -c1-8)
kept=$cache/$arch-$recipe
mkdir -p "$cache"
exec 9>"$cache/$arch.lock"
flock 9
if [ -e "$kept/disk.img" ]; then
  echo "$kept"
  exit
fi
[ "$(id -u)" = 0 ] || unfit "building the guest's disk needs root"
[ "$arch" = "$(dpkg --print-architecture)" ] || "$tests/binfmt.sh"

rm -rf "$cache/$arch"-*
work=$(mktemp -d "$cache/part.XXXXXX")
chmod 755 "$work"
trap 'rm -rf "$work"' EXIT
root=$work/root

say "installing Debian"
# The kernel is only unpacked: what it would build on being installed is built below.
mmdebstrap --quiet --mode=root --variant=minbase --arch="$arch" \
  --include=systemd-sysv,openssh-server,sudo,libstdc++6,libatomic1,busybox-static \
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
  --customize-hook='chroot "$1" sh -c "cd /opt && apt-get -qq download \$(apt-cache depends linux-image-'"$arch"' | sed -n \"s/.*Depends: \\(linux-image-[0-9].*\\)/\\1/p\" | head -1)"' \
  bookworm "$root" >"$work/log" 2>&1 || { tail -20 "$work/log" >&2; unfit "Debian could not be installed into a folder"; }

mkdir "$work/kernel" "$work/out"
dpkg-deb --fsys-tarfile "$root"/opt/linux-image-*.deb |
  tar -x -C "$work/kernel" --wildcards './boot/vmlinuz-*' './lib/modules/*/kernel/drivers/virtio/*' './lib/modules/*/kernel/drivers/block/virtio*' \
    './lib/modules/*/kernel/drivers/net/*virtio*' './lib/modules/*/kernel/drivers/net/net_failover*' './lib/modules/*/kernel/net/core/failover*' \
    './lib/modules/*/kernel/fs/ext4/*' './lib/modules/*/kernel/fs/jbd2/*' './lib/modules/*/kernel/fs/mbcache*' './lib/modules/*/kernel/lib/*' \
    './lib/modules/*/kernel/crypto/crc*' './lib/modules/*/kernel/arch/*/crypto/crc*' './lib/modules/*/modules.*'
rm "$root"/opt/linux-image-*.deb
version=$(basename "$work"/kernel/lib/modules/*)
PATH="$PATH:/usr/sbin:/sbin" depmod -b "$work/kernel" "$version"
mkdir -p "$work/first/bin" "$work/first/modules"
cp "$root/bin/busybox" "$work/first/bin/"
for module in virtio_pci virtio_blk virtio_net crc32c_generic ext4; do
  PATH="$PATH:/usr/sbin:/sbin" modprobe -d "$work/kernel" -S "$version" --show-depends "$module" 2>/dev/null | sed -n 's/^insmod \([^ ]*\).*/\1/p'
done | awk '!seen[$0]++' | while read -r module; do
  cp "$module" "$work/first/modules/"
  basename "$module"
done >"$work/first/modules/order"
cat >"$work/first/init" <<'INIT'
#!/bin/busybox sh
bb=/bin/busybox
for module in $($bb cat /modules/order); do $bb insmod "/modules/$module"; done
$bb mkdir -p /proc /sys /dev /root
$bb mount -t proc none /proc
$bb mount -t sysfs none /sys
$bb mount -t devtmpfs none /dev
$bb ifconfig lo 127.0.0.1 up
for path in /sys/class/net/e*; do $bb ifconfig "${path##*/}" 10.0.2.15 netmask 255.255.255.0 up; done
$bb mount -t ext4 /dev/vda /root || $bb poweroff -f
for mount in proc sys dev; do $bb mount --move /$mount /root/$mount; done
exec $bb switch_root /root /sbin/init
INIT
chmod 755 "$work/first/init"
(cd "$work/first" && find . | cpio -o -H newc --quiet | gzip -1) >"$work/out/initramfs.gz"
cp "$work"/kernel/boot/vmlinuz-* "$work/out/vmlinuz"

ssh-keygen -q -t ed25519 -N "" -C guest -f "$work/out/key"
chroot "$root" useradd --create-home --shell /bin/bash pi
install -d -m 700 "$root/home/pi/.ssh"
install -m 600 "$work/out/key.pub" "$root/home/pi/.ssh/authorized_keys"
chroot "$root" chown -R pi:pi "$(chroot "$root" sh -c "echo ~pi")"
echo 'pi ALL=(ALL) NOPASSWD: ALL' >"$root/etc/sudoers.d/pi"
chmod 440 "$root/etc/sudoers.d/pi"
echo charger1 >"$root/etc/hostname"
printf '127.0.0.1 localhost charger1\n' >"$root/etc/hosts"
sed 's/^/charger1 /; s/ [^ ]*$//' "$root/etc/ssh/ssh_host_ed25519_key.pub" >"$work/out/known_hosts"
# Nobody sits at it, and nothing is to run beside what is measured.
chroot "$root" systemctl -q mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer getty@tty1.service serial-getty@ttyS0.service serial-getty@ttyAMA0.service
rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/*
# With a journal, as a board's has, and nothing left that the kernel would write by itself later.
mke2fs -q -t ext4 -O has_journal -J size=16 -E lazy_itable_init=0,lazy_journal_init=0,nodiscard -d "$root" "$work/out/disk.img" 2G >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
mv "$work/out" "$kept"
echo "$kept"
