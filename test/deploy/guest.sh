# Sourced: how the Debian guest is started under QEMU and reached, for whoever deploys into it.
# Wants $arch, $guest (what image.sh printed) and $scratch (a folder of the caller's); sets $ssh_port, $broker_port and $qemu.

free_port() { node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })'; }

# The only thing that is special about this board is the way to it: it stands in an ssh configuration, as anybody's may. One
# connection for all that the test itself asks, because an emulated processor takes seconds to make one.
guest_reach() {
  ssh_port=$(free_port) broker_port=$(free_port)
  install -m 600 "$guest/key" "$scratch/key"
  # Copies: a new image may take the place of this one meanwhile.
  install -m 600 "$guest/known_hosts" "$scratch/known_hosts"
  cat >"$scratch/config" <<CONFIG
Host charger1
  HostName 127.0.0.1
  Port $ssh_port
  HostKeyAlias charger1
  UserKnownHostsFile $scratch/known_hosts
  IdentityFile $scratch/key
  IdentitiesOnly yes
  BatchMode yes
  ControlMaster auto
  ControlPath $scratch/way
  ControlPersist yes
CONFIG
  mkdir -p "$scratch/bin"
  [ -e "$scratch/bin/ssh" ] || printf '#!/bin/sh\nexec %s -F %s "$@"\n' "$(command -v ssh)" "$scratch/config" >"$scratch/bin/ssh"
  chmod 755 "$scratch/bin/ssh"
  case :$PATH: in *":$scratch/bin:"*) ;; *) export PATH=$scratch/bin:$PATH ;; esac
}

# guest_boot DISK [LOG]: the guest with a copy of this disk; where there is a LOG, each block that it writes and each flush is
# in there too, in the format of dm-log-writes.
guest_boot() {
  local disk=$scratch/guest.img log=${2:-} machine console node=disk filter=()
  cp --sparse=always "$1" "$disk"
  case $arch in
    amd64) machine=(qemu-system-x86_64 -machine q35,accel=tcg -cpu max) console=ttyS0 ;;
    arm64) machine=(qemu-system-aarch64 -M virt -cpu cortex-a72) console=ttyAMA0 ;;
  esac
  if [ -n "$log" ]; then
    : >"$log"
    node=logged
    filter=(-blockdev "driver=blklogwrites,node-name=logged,file=disk,log.driver=file,log.filename=$log")
  fi
  # No KVM: it is not everywhere. Without no_timer_check a busy machine is taken for a broken timer. The guest has to see
  # a cache that may lose what was not flushed, or it would not flush; here nothing is lost, so its flushes end in the log.
  "${machine[@]}" -smp 2 -m 1024 -nodefaults -display none -no-reboot -serial "file:$scratch/console" \
    -kernel "$guest/vmlinuz" -initrd "$guest/initramfs.gz" -append "console=$console quiet panic=-1 mitigations=off no_timer_check" \
    -blockdev "driver=raw,node-name=disk,file.driver=file,file.filename=$disk,cache.no-flush=on" "${filter[@]}" \
    -device "virtio-blk-pci,drive=$node,write-cache=on" -device virtio-rng-pci \
    -netdev "user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:$ssh_port-:22,hostfwd=tcp:127.0.0.1:$broker_port-:1883" \
    -device virtio-net-pci,netdev=net </dev/null >"$scratch/qemu" 2>&1 &
  qemu=$!
}

# guest_await SECONDS: until somebody can log in. Fails where the guest has ended, or the time.
guest_await() {
  local until=$((SECONDS + $1))
  until ssh -o ConnectTimeout=5 pi@charger1 true 2>/dev/null; do
    kill -0 "$qemu" 2>/dev/null && [ "$SECONDS" -lt "$until" ] || return 1
    sleep 1
  done
}

guest_end() {
  kill "$qemu" 2>/dev/null || true
  wait "$qemu" 2>/dev/null || true
}
