#!/bin/bash
# Prints the folder that holds what a board with this processor needs besides our JavaScript: Node, the packages of
# production with their native parts, and our own native parts; from the cache, or downloaded and compiled.
# Exit 3, with the reason on standard error, where this machine cannot have it.
#   target.sh arm64|x64
set -euo pipefail
root=$(readlink -f "$(dirname "$(readlink -f "$0")")/..")
arch=${1:-}
unfit() { echo "$*" >&2; exit 3; }
say() { echo "target $arch: $*" >&2; }

case $arch in
  arm64) cc=aarch64-linux-gnu-gcc cxx=aarch64-linux-gnu-g++ package=g++-aarch64-linux-gnu ;;
  x64) cc=x86_64-linux-gnu-gcc cxx=x86_64-linux-gnu-g++ package=g++-x86-64-linux-gnu ;;
  *) unfit "no runtime for the processor '$arch': arm64 and x64 are supported" ;;
esac
native=no
[ "$(node -p process.arch)" != "$arch" ] || { native=yes cc=cc cxx=c++ package=g++; }
if ! command -v $cxx >/dev/null; then
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || unfit "no compiler for $arch: sudo apt-get install $package"
  say "installing $package"
  { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends $package; } >/dev/null 2>&1 ||
    unfit "no compiler for $arch, and $package could not be installed"
fi

# Native parts fit one major version of Node, so the board gets the one that built them here.
major=$(node -p 'process.versions.node.split(".")[0]')
# "1" is raised when this script makes something else of the same packages.
recipe=$(cat "$root/package-lock.json" <(echo "1 $major $($cc --version | head -1)") | sha256sum | cut -c1-12)
cache=$root/.cache/target
kept=$cache/$arch-$recipe
mkdir -p "$cache"
exec 9>"$cache/$arch.lock"
flock 9

if [ ! -e "$kept/complete" ]; then
  rm -rf "$cache/$arch"-*
  work=$kept
  mkdir -p "$work/node/bin" "$work/app"

  say "downloading Node $major"
  (cd "$work" && npm pack --silent "node-linux-$arch@$major" >/dev/null) || unfit "npm has no node-linux-$arch@$major, or cannot be reached"
  tar -xzf "$work"/node-linux-*.tgz -C "$work/node" --strip-components=1 package/bin/node package/LICENSE
  rm "$work"/node-linux-*.tgz

  say "copying the packages of production"
  cp "$root/package.json" "$work/app/"
  (cd "$root" && npm ls --omit=dev --all --parseable 2>/dev/null || true) | sed -n "s|^$root/||p" >"$work/packages"
  grep -q better-sqlite3 "$work/packages" || unfit "the packages are not installed here: make setup"
  # Those that were compiled here for this very processor serve as they are.
  (cd "$root" && tar -c $([ $native = yes ] || echo --exclude={better-sqlite3,epoll,cbor-extract}/build) -T "$work/packages") | tar -x -C "$work/app"

  # Headers beside this Node where they are installed; else node-gyp downloads them.
  prefix=$(dirname "$(dirname "$(readlink -f "$(command -v node)")")")
  headers=()
  [ ! -e "$prefix/include/node/node.h" ] || headers=(--nodedir="$prefix")
  gyp=$(dirname "$(dirname "$(readlink -f "$(command -v npm)")")")/node_modules/node-gyp/bin/node-gyp.js
  for module in better-sqlite3 epoll cbor-extract; do
    [ $native = no ] && [ -e "$work/app/node_modules/$module/binding.gyp" ] || continue
    say "compiling $module"
    (cd "$work/app/node_modules/$module" && CC=$cc CXX=$cxx node "$gyp" rebuild --release --arch="$arch" "${headers[@]}") >"$work/$module.log" 2>&1 ||
      { tail -30 "$work/$module.log" >&2; unfit "$module did not compile for $arch"; }
  done

  # What only a compiler reads, and parts for other processors, stay here.
  (
    cd "$work/app/node_modules"
    rm -rf better-sqlite3/{deps,src} {better-sqlite3,epoll,cbor-extract}/build/Release/obj.target
    find . -path '*/build/*' \( -path './better-sqlite3/*' -o -path './epoll/*' -o -path './cbor-extract/*' \) -type f ! -name '*.node' -delete
    find . -path '*/prebuilds/*' -type f ! -path "*/prebuilds/linux-$arch/*" -delete
    find . -type f \( -name '*.md' -o -name '*.map' -o -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' \) -delete
    find . -depth -type d -empty -delete
  )
  touch "$work/complete"
fi

# Our own two are small, and change with the sources.
mkdir -p "$kept/native"
for part in board.node guard; do
  source=$root/native/${part%.node}.c
  # By what is in it: a time of a file says little where several trees share a cache.
  sum=$(sha256sum <"$source")
  [ "$(cat "$kept/native/.$part" 2>/dev/null)" != "$sum" ] || continue
  flags=()
  if [ "$part" = board.node ]; then
    include=$(dirname "$(dirname "$(readlink -f "$(command -v node)")")")/include/node
    [ -e "$include/node_api.h" ] || include=$(ls -d "$HOME"/.cache/node-gyp/"$(node -p process.versions.node)"/include/node 2>/dev/null) ||
      unfit "the headers of this Node are not here: npx node-gyp install"
    flags=(-shared -fPIC "-I$include")
  fi
  $cc -O2 -Wall -Wextra "${flags[@]}" -o "$kept/native/$part.new" "$source"
  mv "$kept/native/$part.new" "$kept/native/$part"
  echo "$sum" >"$kept/native/.$part"
done
echo "$kept"
