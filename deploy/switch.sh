#!/bin/bash
# Run on the board as a unit of its own, so that it comes to an end also where the way to the board breaks: changes the device
# to another release when no sale is under way, waits until that one can sell, and goes back where it does not.
# What it says is in /run/sluice-switch/log, too, and in the end /run/sluice-switch/result is "0", or "1" for what did not succeed.
#   switch.sh RELEASE IDLE_SECONDS READY_SECONDS
set -euo pipefail
home=/opt/sluice
next=/run/sluice-next
run=/run/sluice-switch
release=$1 idle_s=$2 ready_s=$3
# A device that ends by itself does so soon.
STEADY_S=5

cd "$home"
echo "$1" >$run/release
say() { echo "$*" | tee -a $run/log; }
finish() { echo "$1" >$run/result.new; sync -f $home; mv $run/result.new $run/result; exit "$1"; }
trap 'rm -f $next; [ -e $run/result ] || { say "ended by itself, which is a defect of switch.sh: make status"; echo 1 >$run/result; }' EXIT
# Who waits must not take the time of who starts: the loops below begin as few programs as they can.
uptime_s() { local up && read -r up _ </proc/uptime && echo "${up%.*}"; }

# What the device says of itself: /ready of its health answers. Nothing where it does not answer.
ask() {
  local line last=
  exec 3<>/dev/tcp/127.0.0.1/8737 || return 1
  printf 'GET /ready HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n' >&3
  while IFS= read -r -t 20 line <&3; do last=$line; done
  echo "$last"
} 2>/dev/null
is_ready() { [[ $1 == *'"ok":true'* ]]; }
reasons() { sed -nE 's/.*"reasons":\[(("([^"\\]|\\.)*",?)*)\].*/\1/p' <<<"$1"; }
pid() { systemctl show -P MainPID sluice; }
link() { ln -sfn "$1" "$2.new" && mv -T "$2.new" "$2"; }

# Asks the device to end if no sale is under way, which it decides itself, at that moment: fails where one is until the end of the time.
take_over() {
  local until=$(($(uptime_s) + idle_s)) told= answer= waited=
  while :; do
    if [ "$(systemctl is-active sluice || true)" != active ]; then
      # It is stopped, or comes to no start: nobody is served there.
      echo "$release" >$next
      systemctl --no-block restart sluice
      return 0
    fi
    answer=$(ask || true)
    case $answer in
      *'"busy":false'*)
        echo "$release" >$next
        systemctl kill --kill-who=main -s USR2 sluice
        waited=$(($(uptime_s) + 60))
        # choose.sh takes it away. A sale that began before the signal came goes on.
        while [ "$(uptime_s)" -lt $waited ]; do
          [ -e $next ] || return 0
          sleep 0.5
          case $(ask || true) in *'"busy":true'*) break ;; esac
        done
        rm -f $next
        ;;
      *'"busy":true'*) [ -n "$told" ] || say "a sale is running: waiting for its end, up to $idle_s s" ;;
      *'"ok":'*)
        say "the release that runs there does not say whether it is in a sale: make stop, and then again"
        return 1
        ;;
      *) [ -n "$told" ] || say "the device does not answer: waiting for it, up to $idle_s s" ;;
    esac
    told=yes
    if [ "$(uptime_s)" -ge $until ]; then
      case $answer in
        *'"busy":true'*) say "a sale is running, still after $idle_s s: nothing was changed. Later again, or make stop first, which ends it with a receipt" ;;
        *) say "the device does not answer, so nobody knows whether a sale is running: nothing was changed. make stop first ends it" ;;
      esac
      return 1
    fi
    sleep 1
  done
}

# Until the release is ready to sell, and still is some seconds later. 1: not in time; 2: it fell back by itself.
await_ready() {
  local until=$(($(uptime_s) + ready_s)) answer= first
  while [ "$(uptime_s)" -lt $until ]; do
    if [ current -ef "releases/$1" ]; then
      answer=$(ask || true)
      if is_ready "$answer"; then
        first=$(pid)
        sleep $STEADY_S
        if is_ready "$(ask || true)" && [ "$(pid)" = "$first" ]; then return 0; fi
      fi
    elif [ -e "releases/$1/tried" ]; then
      return 2
    fi
    # With nothing to go back to it is started again and again: the third time is not better.
    if [ confirmed -ef "releases/$1" ] && [ "$(systemctl show -P NRestarts sluice)" -gt "$((restarts + 3))" ]; then return 1; fi
    sleep 2
  done
  return 1
}

confirm() {
  local before
  before=$(readlink confirmed)
  rm -f "releases/$release/tried"
  if [ "$before" != "releases/$release" ]; then
    link "$before" former
    sync -f $home
    link "releases/$release" confirmed
  fi
  sync -f $home
  for each in releases/*; do
    case $each in "$(readlink confirmed)" | "$(readlink former || true)" | "$(readlink current)") ;;
      # One that is on its way here belongs to somebody else.
      releases/part-*) ;;
      *) rm -rf "$each" ;;
    esac
  done
}

# Of no use any more, but where it is the former one.
drop() {
  case releases/$release in "$(readlink current)" | "$(readlink confirmed)" | "$(readlink former || true)") ;; *) rm -rf "releases/$release" ;; esac
}

before=$(basename "$(readlink confirmed)")
# What the device did until now is no reason to wait with the next one.
rm -f /run/sluice/ends
restarts=$(systemctl show -P NRestarts sluice)
rm -f "releases/$release/tried"
if ! take_over; then
  drop
  finish 1
fi
say "starting $release"
code=0
await_ready "$release" || code=$?
if [ $code = 0 ]; then
  confirm
  say "$release is ready to sell"
  finish 0
fi
answer=$(ask || true)
[ -z "$(reasons "$answer")" ] || say "not ready to sell: $(reasons "$answer")"
journalctl -q -u sluice -o cat --no-pager -n 12 | tee -a $run/log || true
if [ "$before" = "$release" ]; then
  say "$release does not get ready to sell, and there is none before it: it goes on trying; make stop ends that"
  finish 1
fi
say "$release does not get ready to sell: back to $before"
if [ $code = 1 ]; then
  # choose.sh would do so at the next start; this also serves where its unit cannot be started.
  link "releases/$before" current
  sync -f $home
  systemctl daemon-reload
  systemctl --no-block restart sluice
fi
if await_ready "$before"; then say "rolled back: $before is ready to sell again"; else say "rolled back to $before, which is not ready either: make status"; fi
drop
finish 1
