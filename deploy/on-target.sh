#!/bin/bash
# The part that runs on the board, as root, sent over ssh. One word says what; answers are lines of plain text, and exit 4 is
# a refusal in words that begin with what the board does.
#   probe KILOBYTES | make RELEASE NODE_SUM MODULES_SUM | install RELEASE | switch RELEASE IDLE_S READY_S | follow LINE
#   request RELEASE | certify RELEASE BASE64 | former | status | logs [-f] | stop
set -euo pipefail
home=/opt/sluice
keys=/var/lib/sluice/keys
run=/run/sluice-switch
unit=/etc/systemd/system/sluice.service

refuse() { echo "$*"; exit 4; }
there() { [ -e "$home/confirmed" ] || refuse "has no sluice: make deploy"; }

# What the device says of itself, by its health answers.
ask() {
  local line last=
  exec 3<>/dev/tcp/127.0.0.1/8737 || return 1
  printf 'GET /ready HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n' >&3
  while IFS= read -r -t 20 line <&3; do last=$line; done
  echo "$last"
} 2>/dev/null
# Of the last start: what the device said.
words() { journalctl -q -u sluice -o cat --no-pager _SYSTEMD_INVOCATION_ID="$(systemctl show -P InvocationID sluice)" 2>/dev/null; }

# As the user of the service, with the groups that it will have there.
as_device() {
  local release=$home/releases/$1 tool=$2 groups=() each
  shift 2
  for each in $(sed -n 's/^SupplementaryGroups=//p' "$release/sluice.service"); do
    if getent group "$each" >/dev/null; then groups+=(-G "$each"); fi
  done
  runuser -u sluice "${groups[@]}" -- "$release/node/bin/node" "$release/app/build/tools/$tool" "$@"
}

probe() {
  local machine name free arch
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
    [ "$free" -ge "$1" ] || refuse "has $((free / 1024)) MB left in $name, and $(($1 / 1024)) MB are needed: remove something"
  done
  [ -d /run/systemd/system ] || refuse "does not run systemd, which is to start the device and to start it again"
  if systemctl -q is-active sluice-switch; then refuse "is being switched to another release at this moment: make status, and then again"; fi
  if [ ! -e $home/confirmed ] && systemctl -q is-active sluice; then
    refuse "runs a device that was put there in another way: make stop, and then again"
  fi
  echo "$arch"
}

# Answers with the groups of files that are the same in a release that is there: they are linked, and need not be carried.
make_part() {
  local part=$home/releases/part-$1 node_sum=$2 modules_sum=$3 each sum from
  umask 022
  mkdir -p $home/releases
  # For nobody else until its secrets are.
  mkdir -m 700 "$part"
  mkdir "$part/app"
  # Of somebody who was cut off.
  find $home/releases -maxdepth 1 -name 'part-*' -mmin +120 -exec rm -rf {} +
  for each in node:$node_sum:node modules:$modules_sum:app/node_modules; do
    IFS=: read -r group sum path <<<"$each"
    for from in $home/releases/*; do
      [ "$from" != "$part" ] && [ -e "$from/$group.sha256" ] || continue
      [ "$(sha256sum <"$from/$group.sha256")" = "$sum  -" ] || continue
      # A card that has gone bad must not go from one release to the next.
      (cd "$from" && sha256sum --quiet --strict -c "$group.sha256") >/dev/null 2>&1 || continue
      cp -al "$from/$path" "$part/$path"
      echo "$group"
      break
    done
  done
}

install_release() {
  local release=$home/releases/$1 part=$home/releases/part-$1 code=0
  trap "rm -rf '$part'" EXIT
  # Before anything that runs is touched: does it run here at all?
  if ! (cd "$part/app" && ../node/bin/node -e '
    for (const name of ["better-sqlite3", "@serialport/bindings-cpp", "onoff"]) require(name);
    require(`./build/native/${process.arch}/board.node`);
    new (require("better-sqlite3"))(":memory:").close();'); then
    "$part/node/bin/node" --version >/dev/null || refuse "cannot run the Node that was carried (its words are above): is it Debian 12 or later? sudo apt-get install libstdc++6 libatomic1"
    refuse "cannot load the native parts that were carried (its words are above)"
  fi

  # Modules of the device file's author import "sluice" as they do beside an installed one.
  mkdir -p "$part/node_modules"
  ln -sfn ../app "$part/node_modules/sluice"

  # The same for every release: who the service is, and which devices it may open.
  put "$part/deploy/sluice.sysusers" /etc/sysusers.d/sluice.conf
  systemd-sysusers /etc/sysusers.d/sluice.conf
  put "$part/deploy/sluice.rules" /etc/udev/rules.d/70-sluice.rules
  if udevadm control --reload 2>/dev/null; then
    udevadm trigger --subsystem-match=gpio --subsystem-match=watchdog --subsystem-match=misc --settle || true
  fi
  install -d -m 700 -o sluice -g sluice /var/lib/sluice
  # It may hold a key of the broker or of the payment host.
  chown -R sluice:sluice "$part/config"
  chmod -R u=rwX,go= "$part/config"
  chmod 755 "$part"
  "$part/node/bin/node" "$part/app/build/tools/unit-devices.js" "$part/config/device.yaml" >>"$part/sluice.service" || refuse "has no way to give the device what it needs (the words are above)"
  if systemd-analyze verify "$part/sluice.service" 2>&1 | grep -E 'bad unit file|Failed to (load|parse)' >&2; then
    refuse "cannot read the unit of the service (systemd's words are above)"
  fi
  sync -f $home
  mv "$part" "$release"

  as_device "$1" self-test.js "$release/config/device.yaml" /var/lib/sluice || code=$?
  [ $code = 0 ] || { rm -rf "$release"; refuse "is not what this device needs: nothing was changed there (what is wrong is above)"; }
  if [ ! -e $home/confirmed ]; then
    ln -sfn "releases/$1" $home/current
    ln -sfn "releases/$1" $home/confirmed
  fi
  sync -f $home
  # The same for all releases: what chooses, and by a link the unit that each of them brings. Whole or not at all.
  put "$release/deploy/sluice-choose.service" /etc/systemd/system/sluice-choose.service
  if [ "$(readlink $unit)" != $home/current/sluice.service ]; then
    ln -sfn $home/current/sluice.service $unit.new
    mv -T $unit.new $unit
    mkdir -p /etc/systemd/system/multi-user.target.wants
    ln -sfn ../sluice.service /etc/systemd/system/multi-user.target.wants/sluice.service
    sync -f $unit
    systemctl daemon-reload
  fi
}

# In the place of what was there only if it differs, and then by a rename of what is on disk.
put() {
  if cmp -s "$1" "$2"; then return 0; fi
  install -D -m 644 "$1" "$2.new"
  sync -f "$2.new"
  mv -T "$2.new" "$2"
}

switch_to() {
  if systemctl -q is-active sluice-switch; then refuse "is being switched to another release at this moment: make status, and then again"; fi
  rm -rf $run
  mkdir $run
  : >$run/log
  systemd-run -q --collect --unit=sluice-switch bash "$home/releases/$1/deploy/switch.sh" "$1" "$2" "$3"
}

# What switch.sh says from a line on, until it has come to its end.
follow() {
  local line=$1 last result=
  while :; do
    [ -e $run/result ] && result=$(cat $run/result)
    # Just as far as was counted: it may grow at any moment.
    last=$(wc -l <$run/log)
    [ "$last" -lt "$line" ] || sed -n "$line,${last}p" $run/log
    line=$((last + 1))
    [ -z "$result" ] || exit $((result > 0 ? 3 : 0))
    systemctl -q is-active sluice-switch || [ -e $run/result ] || refuse "was started anew in the middle of it: what was not ready then is not tried again. make status"
    sleep 2
  done
}

status() {
  local state confirmed current answer
  there
  state=$(systemctl is-active sluice || true)
  current=$(basename "$(readlink $home/current)") confirmed=$(basename "$(readlink $home/confirmed)")
  echo "service   $state since $(systemctl show -P StateChangeTimestamp sluice), started again $(systemctl show -P NRestarts sluice) times"
  if [ "$current" = "$confirmed" ]; then echo "release   $current"; else echo "release   $current, on trial; $confirmed if it does not get ready"; fi
  echo "former    $(basename "$(readlink $home/former || echo none)")"
  words | grep -E '^(device|operator|broker)  ' || true
  [ "$state" = active ] || exit 3
  answer=$(ask || true)
  case $answer in
    *'"ok":true'*) echo "state     ready to sell" ;;
    *'"ok":'*) echo "state     not ready to sell: $(sed -nE 's/.*"reasons":\[(("([^"\\]|\\.)*",?)*)\].*/\1/p' <<<"$answer")" ;;
    *) echo "state     no answer" ;;
  esac
  case $answer in *'"busy":true'*) echo "sale      one is running" ;; esac
  [[ $answer == *'"ok":true'* ]] || exit 3
}

# Read whole before anything runs: what runs here must not read on in it, which comes on standard input.
main() {
  local verb=$1 former
  shift
  case $verb in
    probe) probe "$1" ;;
    make) make_part "$@" ;;
    install) install_release "$1" ;;
    switch) switch_to "$@" ;;
    follow) follow "$1" ;;
    former)
      there
      former=$(basename "$(readlink $home/former || true)")
      [ -n "$former" ] && [ -e "$home/releases/$former" ] || refuse "has no release but the one that runs"
      echo "$former"
      ;;
    request) as_device "$1" sluice.js provision --request --data /var/lib/sluice ;;
    certify) base64 -d <<<"$2" | as_device "$1" sluice.js provision --certificate - --data /var/lib/sluice ;;
    status) status ;;
    logs)
      there
      exec journalctl -q -u sluice -u sluice-switch -o short-iso --no-pager "${@:--n200}"
      ;;
    stop)
      there
      systemctl stop sluice
      journalctl -q -u sluice -o cat --no-pager -n 20 | grep '^stopped' || true
      ;;
  esac
}
main "$@" </dev/null
