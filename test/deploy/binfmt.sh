#!/bin/bash
# Lets this machine's kernel run programs for arm64 through qemu-user, also in a chroot. Exit 3, with the reason on
# standard error, where it cannot.
set -euo pipefail
unfit() { echo "$*" >&2; exit 3; }

[ "$(uname -m)" != aarch64 ] || exit 0
files=/proc/sys/fs/binfmt_misc
[ -e $files/register ] || mount -t binfmt_misc none $files 2>/dev/null ||
  unfit "this kernel cannot run programs for other processors (no binfmt_misc, or not root)"
# F: the kernel opens the interpreter now, so that a chroot needs none of its own.
if grep -qs '^flags:.*F' $files/qemu-aarch64; then exit 0; fi
command -v qemu-aarch64-static >/dev/null || unfit "missing: qemu-user-static (sudo apt-get install qemu-user-static)"
cat /usr/lib/binfmt.d/qemu-aarch64.conf >$files/register 2>/dev/null ||
  unfit "qemu-aarch64 could not be registered with the kernel (root only)"
