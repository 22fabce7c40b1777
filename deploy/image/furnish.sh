#!/bin/bash
# Puts into a system's folder what makes it the image's: users, network, what runs and what does not. No program of the
# target runs for it. Nobody can log in: no password is set, and no ssh server runs until sluice.txt names a key.
#   furnish.sh SYSTEM_FOLDER
set -euo pipefail
image=$(dirname "$(readlink -f "$0")")
tree=$1
SLUICE_ID=990
people=/home
export SYSTEMD_LOG_LEVEL=warning

install -D -m 755 "$image/provision.sh" "$tree/usr/lib/sluice/provision.sh"
install -m 755 "$image/slot.sh" "$tree/usr/sbin/sluice-slot"
install -m 644 "$image/sluice-provision.service" "$image/sluice-confirm.service" "$tree/etc/systemd/system/"
install -D -m 644 "$image/../sluice.sysusers" "$tree/etc/sysusers.d/sluice.conf"
install -D -m 644 "$image/../sluice.rules" "$tree/etc/udev/rules.d/70-sluice.rules"
# Numbers that stay: what these two own is on the data partition, and roots of other days are to know it.
systemd-sysusers --root="$tree" --inline 'g pi 1000' "u pi 1000:1000 \"Who may log in with a key\" $people/pi /bin/bash" \
  "g sluice $SLUICE_ID" "u sluice $SLUICE_ID:$SLUICE_ID \"Sluice device\" /var/lib/sluice"
systemd-sysusers --root="$tree"
install -d -m 700 -o 1000 -g 1000 "$tree$people/pi"
echo 'pi ALL=(ALL) NOPASSWD: ALL' >"$tree/etc/sudoers.d/pi"
chmod 440 "$tree/etc/sudoers.d/pi"
printf 'PermitRootLogin no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n' >"$tree/etc/ssh/sshd_config.d/sluice.conf"

# What must not be the same on two boards.
rm -f "$tree"/etc/ssh/ssh_host_* "$tree/var/lib/systemd/random-seed" "$tree/var/lib/dbus/machine-id" "$tree/etc/hostname"
: >"$tree/etc/machine-id"
: >"$tree/etc/hostname"
printf '127.0.0.1 localhost\n::1 localhost\n' >"$tree/etc/hosts"

cat >"$tree/etc/systemd/network/80-dhcp.network" <<'CONF'
[Match]
Type=ether wlan

[Network]
DHCP=yes

[DHCPv4]
ClientIdentifier=mac
CONF
# The device tells of itself by DNS-SD, and has that port.
install -d "$tree"/etc/systemd/{resolved,journald}.conf.d
printf '[Resolve]\nMulticastDNS=no\nLLMNR=no\n' >"$tree/etc/systemd/resolved.conf.d/sluice.conf"
# Kept over a power cut, within bounds.
printf '[Journal]\nStorage=persistent\nSystemMaxUse=64M\nSyncIntervalSec=60\n' >"$tree/etc/systemd/journald.conf.d/sluice.conf"
ln -sf ../run/systemd/resolve/stub-resolv.conf "$tree/etc/resolv.conf"
: >"$tree/etc/fstab"

units=$tree/etc/systemd/system
# As on-target.sh leaves it: which release it is, is decided by a link.
ln -sf /opt/sluice/current/sluice.service "$units/sluice.service"
install -m 644 "$image/../sluice-choose.service" "$units/"
cp "$tree/usr/share/systemd/tmp.mount" "$units/tmp.mount"
install -d "$units"/{multi-user,local-fs,sockets}.target.wants
for each in sluice.service sluice-provision.service sluice-confirm.service; do ln -sf "../$each" "$units/multi-user.target.wants/$each"; done
ln -sf ../tmp.mount "$units/local-fs.target.wants/tmp.mount"
for each in systemd-networkd systemd-resolved systemd-timesyncd; do
  ln -sf "/lib/systemd/system/$each.service" "$units/multi-user.target.wants/$each.service"
done
rm -f "$units"/multi-user.target.wants/{ssh,wpa_supplicant,e2scrub_reap}.service "$units/sshd.service"
# Nobody sits at it, and what a card wears out by is not done in the night.
for each in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer ssh.socket \
    getty@tty1.service serial-getty@ttyS0.service serial-getty@ttyS1.service serial-getty@ttyAMA0.service systemd-networkd-wait-online.service; do
  ln -sf /dev/null "$units/$each"
done
