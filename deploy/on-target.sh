#!/bin/sh
# The part that runs on the board, as root, sent over ssh. One word says what; answers are lines of plain text.
#   probe KILOBYTES | make | install RELEASE | await SECONDS | status | stop
set -eu
home=/opt/sluice
port=8737

refuse() { echo "$*"; exit 4; }

# What the device itself answers, by the Node that was carried: there may be no curl.
ready() {
  "$home/current/node/bin/node" -e '
    fetch(process.argv[1], { signal: AbortSignal.timeout(20000) })
      .then((answer) => answer.json())
      .then(({ ok, reasons }) => { console.log(ok ? "ready to sell" : `not ready to sell: ${reasons.join("; ")}`); process.exit(ok ? 0 : 1); })
      .catch(() => process.exit(2));' "http://127.0.0.1:$port/ready"
}

# Cheap, so that who waits does not take the time of who starts: somebody listens there.
listens() { grep -q "$(printf ': *0100007F:%04X 00000000:0000 0A' $port)" /proc/net/tcp; }

# Of the last start: what the device said of itself.
words() { journalctl -q -u sluice -o cat --no-pager _SYSTEMD_INVOCATION_ID="$(systemctl show -P InvocationID sluice)" 2>/dev/null; }

case $1 in
  probe)
    machine=$(uname -m)
    case $machine in
      aarch64) arch=arm64 ;;
      x86_64) arch=x64 ;;
      armv6l | armv7l | armv8l | i?86) refuse "is a 32-bit system ($machine), for which there is no Node that is new enough: put the 64-bit system on it" ;;
      *) refuse "has a processor that we do not build for: $machine" ;;
    esac
    # A 64-bit kernel may carry a 32-bit system.
    [ "$(getconf LONG_BIT)" = 64 ] || refuse "runs a 32-bit system on a 64-bit processor: put the 64-bit system on it"
    for name in /opt /var; do
      free=$(df -Pk $name | awk 'NR == 2 { print $4 }')
      [ "$free" -ge "$2" ] || refuse "has $((free / 1024)) MB left in $name, and $(($2 / 1024)) MB are needed: remove something"
    done
    [ -d /run/systemd/system ] || refuse "does not run systemd, which is to start the device and to start it again"
    echo "$arch"
    ;;
  make)
    rm -rf "$home"/releases/part
    mkdir -p "$home/releases/part"
    ;;
  install)
    release=$home/releases/$2
    part=$home/releases/part
    # Before anything that runs is touched: does it run here at all?
    "$part/node/bin/node" --version >/dev/null || refuse "cannot run the Node that was carried (its words are above): is it Debian 12 or later? sudo apt-get install libstdc++6 libatomic1"
    (cd "$part/app" && ../node/bin/node -e '
      for (const name of ["better-sqlite3", "@serialport/bindings-cpp", "onoff"]) require(name);
      require(`./build/native/${process.arch}/board.node`);
      new (require("better-sqlite3"))(":memory:").close();') || refuse "cannot load the native parts that were carried (its words are above)"
    rm -rf "$release"
    mv "$part" "$release"
    mkdir -p /etc/sluice
    mv "$release/device.yaml" /etc/sluice/device.yaml
    mv "$release/sluice.service" /etc/systemd/system/sluice.service
    former=$(readlink "$home/current" 2>/dev/null || true)
    ln -sfn "releases/$2" "$home/current.new"
    mv -T "$home/current.new" "$home/current"
    sync
    systemctl daemon-reload
    systemctl -q enable sluice
    systemctl restart sluice
    # One release stays beside the new one.
    for each in "$home"/releases/*; do
      case "releases/${each##*/}" in "releases/$2" | "$former") ;; *) rm -rf "$each" ;; esac
    done
    ;;
  await)
    until=$(($(cut -d. -f1 /proc/uptime) + $2))
    # A device that ended twice will not be better the third time.
    while [ "$(cut -d. -f1 /proc/uptime)" -lt "$until" ] && [ "$(systemctl show -P NRestarts sluice)" -lt 2 ]; do
      if listens && ready >/dev/null; then exit 0; fi
      sleep 1
    done
    echo "does not get ready to sell. It goes on trying; make stop ends that. Its last words:"
    journalctl -q -u sluice -o cat --no-pager -n 15
    ready || true
    exit 4
    ;;
  status)
    [ -e "$home/current" ] || refuse "has no sluice: make deploy"
    state=$(systemctl is-active sluice || true)
    echo "service   $state since $(systemctl show -P StateChangeTimestamp sluice), started again $(systemctl show -P NRestarts sluice) times"
    echo "release   $(basename "$(readlink "$home/current")")"
    words | grep -E '^(device|operator|broker)  ' || true
    [ "$state" = active ] || exit 3
    code=0
    answer=$(ready) || code=$?
    echo "state     ${answer:-no answer}"
    exit "$code"
    ;;
  stop)
    [ -e "$home/current" ] || refuse "has no sluice: make deploy"
    systemctl stop sluice
    journalctl -q -u sluice -o cat --no-pager -n 20 | grep '^stopped' || true
    ;;
esac
