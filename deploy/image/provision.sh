#!/bin/sh
# On the board, as root, at each start before the device's: the data partition grows to the size of the card, and what
# sluice.txt in the card's first partition says is put into effect, once. It may hold a password, so it is removed then.
# A file with a mistake changes nothing; what is wrong is in the journal, and beside it in sluice-refused.txt.
#   provision.sh              does it
#   provision.sh check FILE   prints what FILE says, or exits 1 with what is wrong in it
set -eu
SIZE_MAX=4096

refuse() { echo "sluice.txt: $*" >&2; exit 1; }
printable() { ! printf %s "$1" | LC_ALL=C grep -q '[^ -~]'; }
length() { printf %s "$1" | wc -c; }

# Of one setting: is it what it should be?
check_setting() {
  name=$1 value=$2 at="line $3: $1"
  printable "$value" || refuse "$at: only plain letters, digits and signs are possible here"
  case $name in
    hostname)
      # RFC 1123, 2.1
      printf %s "$value" | grep -Eqx '[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?' || refuse "$at: a name has up to 63 of a-z, 0-9 and -, such as charger1"
      ;;
    ssh-key)
      printf %s "$value" | grep -Eqx '(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)) [A-Za-z0-9+/]+=*( .*)?' ||
        refuse "$at: it is no public key: one line of a file such as ~/.ssh/id_ed25519.pub"
      printf '%s\n' "$value" | ssh-keygen -l -f - >/dev/null 2>&1 || refuse "$at: ssh-keygen cannot read it: was it cut off?"
      ;;
    wifi-name) [ "$(length "$value")" -ge 1 ] && [ "$(length "$value")" -le 32 ] || refuse "$at: a network's name has 1 to 32 signs" ;;
    wifi-password) [ "$(length "$value")" -ge 8 ] && [ "$(length "$value")" -le 63 ] || refuse "$at: a password of WPA has 8 to 63 signs" ;;
    wifi-country) printf %s "$value" | grep -Eqx '[A-Z][A-Z]' || refuse "$at: two capital letters, such as DE: they decide which channels are allowed" ;;
    *) refuse "line $3: there is no setting '$(printf %s "$name" | LC_ALL=C tr -cd '!-~' | cut -c1-30)': hostname, ssh-key, wifi-name, wifi-password and wifi-country are" ;;
  esac
}

# Prints NAME=VALUE lines without what editors add.
check() {
  [ "$(stat -c %s "$1")" -le $SIZE_MAX ] || refuse "it has more than $SIZE_MAX bytes"
  number=0 seen=" "
  tr -d '\r\0' <"$1" | sed '1s/^\xef\xbb\xbf//' >"$scratch/text"
  while IFS= read -r line || [ -n "$line" ]; do
    number=$((number + 1))
    case $line in "" | "#"*) continue ;; *=*) ;; *) refuse "line $number: a line is NAME=VALUE, or begins with #" ;; esac
    name=${line%%=*} value=${line#*=}
    check_setting "$name" "$value" $number
    case $seen in *" $name "*) refuse "line $number: $name is there twice" ;; esac
    seen="$seen$name "
    printf '%s=%s\n' "$name" "$value"
  done <"$scratch/text" >"$scratch/settings"
  case $seen in
    *" wifi-name "*) for each in wifi-password wifi-country; do case $seen in *" $each "*) ;; *) refuse "wifi-name is there, and $each is missing" ;; esac; done ;;
    *" wifi-"*) refuse "wifi-name is missing" ;;
  esac
  cat "$scratch/settings"
}

apply() {
  while IFS= read -r line; do
    name=${line%%=*} value=${line#*=}
    case $name in
      hostname) rename "$value" ;;
      ssh-key)
        install -d -m 700 -o pi -g pi ~pi/.ssh
        printf '%s\n' "$value" >~pi/.ssh/authorized_keys
        chown pi:pi ~pi/.ssh/authorized_keys
        chmod 600 ~pi/.ssh/authorized_keys
        # This board's own, made here. Nobody can come in before there is a key that is let in.
        [ -e /etc/ssh/ssh_host_ed25519_key ] || ssh-keygen -q -t ed25519 -N '' -C "$(cat /etc/hostname)" -f /etc/ssh/ssh_host_ed25519_key
        systemctl -q enable ssh
        systemctl --no-block start ssh
        ;;
      wifi-name) wifi_name=$(printf %s "$value" | od -An -v -tx1 | tr -d ' \n') ;;
      wifi-password) wifi_password=$value ;;
      wifi-country) wifi_country=$value ;;
    esac
    echo "sluice.txt: $name is set"
  done
  [ -n "${wifi_name:-}" ] || return 0
  (
    umask 077
    printf 'ctrl_interface=/run/wpa_supplicant\ncountry=%s\nnetwork={\n  ssid=%s\n  psk="%s"\n}\n' "$wifi_country" "$wifi_name" "$wifi_password" \
      >/etc/wpa_supplicant/wpa_supplicant-wlan0.conf
  )
  systemctl -q enable wpa_supplicant@wlan0
  systemctl --no-block start wpa_supplicant@wlan0
}

rename() {
  echo "$1" >/etc/hostname
  printf '127.0.0.1 localhost %s\n::1 localhost\n' "$1" >/etc/hosts
  hostname "$1"
}

# Nothing where it has the card's size already. The table is one sector.
grow() {
  part=/sys/class/block/${2#/dev/}
  free=$(($(blockdev --getsz "$1") - $(cat "$part/start") - $(cat "$part/size")))
  [ $free -ge 65536 ] || return 0
  echo ', +' | sfdisk -q --no-reread --no-tell-kernel -N 4 "$1"
  partx -u --nr 4 "$1"
  echo "the data partition takes all of the card now"
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
if [ "${1:-}" = check ]; then
  check "$2"
  exit
fi

data=$(findmnt -n -o SOURCE /data)
grow "/dev/$(lsblk -n -o PKNAME "$data")" "$data" || echo "the data partition could not grow" >&2
resize2fs "$data" 2>/dev/null || echo "the data file system could not grow" >&2

# Two boards of one image have two names.
[ -s /etc/hostname ] || rename "sluice-$(cut -c1-6 /etc/machine-id)"

mount -t vfat -o ro,noexec,nosuid,nodev "${data%4}1" /boot/firmware
trap 'rm -rf "$scratch"; umount /boot/firmware' EXIT
given=/boot/firmware/sluice.txt
[ -e "$given" ] || exit 0
if check "$given" >"$scratch/given" 2>"$scratch/words"; then
  apply <"$scratch/given"
  mount -o remount,rw /boot/firmware
  rm -f "$given" /boot/firmware/sluice-refused.txt
else
  cat "$scratch/words" >&2
  mount -o remount,rw /boot/firmware
  cp "$scratch/words" /boot/firmware/sluice-refused.txt
fi
sync -f /boot/firmware
