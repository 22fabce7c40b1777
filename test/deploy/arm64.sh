#!/bin/bash
# make test-arm64: the contract suites, the vectors and ten seeded sales under arm64, on Node for arm64 through qemu-user, with
# the native parts that a board gets. The seeded sales must send the very bytes that they send on this processor.
# Exit 0 also where this machine cannot: it says why.
#   arm64.sh [TEST_FILE...]
set -euo pipefail
tests=$(dirname "$(readlink -f "$0")")
root=$(readlink -f "$tests/../..")
cache=$root/.cache/arm64
say() { echo "test-arm64: $*"; }
skip() { say "SKIPPED: $*"; exit 0; }
mkdir -p "$cache"
exec 8>"$cache/lock"
flock 8

reason=$cache/reason
# Runs what may find this machine unfit, which is exit 3 with the reason last.
fitting() {
  local code=0
  "$@" 2> >(tee "$reason" >&2) || code=$?
  [ "$code" != 3 ] || skip "$(tail -1 "$reason")" >&2
  return "$code"
}

started=$SECONDS
if ! command -v qemu-aarch64-static >/dev/null && [ "$(uname -m)" != aarch64 ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  say "installing qemu-user-static"
  { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends qemu-user-static; } >/dev/null 2>&1 || true
fi
fitting "$tests/binfmt.sh" || exit
parts=$(fitting "$root/deploy/target.sh" arm64) || exit
[ -n "$parts" ] || exit 0
# The libraries of the cross compiler serve the emulated programs too.
export QEMU_LD_PREFIX=/usr/aarch64-linux-gnu

# ---- the packages of the tests, for that processor ----

modules=$cache/modules-$(cat "$root/package-lock.json" <(basename "$parts") | sha256sum | cut -c1-12)
if [ ! -e "$modules/complete" ]; then
  say "putting the packages together"
  rm -rf "$cache"/modules-*
  mkdir -p "$modules"
  tar -C "$root" -c --exclude='*-x64*' --exclude=@typescript --exclude=typescript --exclude=@biomejs --exclude=knip \
    --exclude='@oxc-*' --exclude='*/build/Release' --exclude=prebuilds/{android,darwin,win32}'*' node_modules | tar -x -C "$modules"
  cp -r "$parts/app/node_modules/." "$modules/node_modules/"
  for each in rolldown:@rolldown/binding-linux-arm64-gnu lightningcss:lightningcss-linux-arm64-gnu; do
    version=$(sed -n 's/.*"version": "\(.*\)".*/\1/p' "$root/node_modules/${each%%:*}/package.json")
    mkdir -p "$modules/node_modules/${each#*:}"
    packed=$(cd "$modules" && npm pack --silent "${each#*:}@$version") || skip "npm has no ${each#*:}@$version, or cannot be reached"
    tar -xzf "$modules/$packed" -C "$modules/node_modules/${each#*:}" --strip-components=1
    rm "$modules/$packed"
  done
  touch "$modules/complete"
fi

# ---- a copy of what is tested: beside the sources are the packages of another processor ----

tree=$cache/tree
rm -rf "$tree"
mkdir -p "$tree/build/native"
for each in bench firmware hal boards tools native test docs package.json tsconfig.json vitest.config.ts; do cp -r "$root/$each" "$tree/"; done
for each in bench firmware hal boards tools; do cp -r "$root/build/$each" "$tree/build/"; done
cp -r "$parts/native" "$tree/build/native/arm64"
ln -s "$modules/node_modules" "$tree/node_modules"

export DIGESTS=$cache/digests.json
rm -f "$DIGESTS"
(cd "$root" && node_modules/.bin/vitest run test/sim/seeded-sales.test.ts >"$cache/here.log" 2>&1) ||
  { cat "$cache/here.log"; say "the seeded sales fail here already"; exit 1; }

# One of a Pi, which signs no pointers: where it is emulated, that would take a fifth of the time.
export PATH=$parts/node/bin:$PATH QEMU_CPU=cortex-a72
say "$(node -p '`Node ${process.version} for ${process.arch}`'), prepared in $((SECONDS - started)) s"
started=$SECONDS
files=${*:-test/contract $(cd "$root" && grep -rl 'vectors/' test --include='*.test.ts') test/sim/seeded-sales.test.ts}
code=0
# An emulated processor is ten to thirty times as slow.
(cd "$tree" && node node_modules/vitest/vitest.mjs run --testTimeout=300000 --hookTimeout=120000 $files) || code=$?
say "$([ "$code" = 0 ] && echo passed || echo FAILED) after $((SECONDS - started)) s"
exit "$code"
