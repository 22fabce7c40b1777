#!/bin/bash
# Puts a release together: FOLDER is filled with all that may differ between two releases on a board, as links into what is
# built here (whoever copies it follows them: tar --dereference, cp -rL), and the release's name is printed.
# Exit 1 with the reason for a device file that is not right, 3 where this machine cannot build for that processor.
#   release.sh arm64|x64 DEVICE_FILE FOLDER
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
root=$(readlink -f "$here/..")
arch=$1 file=$2 folder=$3

parts=$("$here/target.sh" "$arch")
mkdir -p "$folder/app/build/native" "$folder/config" "$folder/deploy"
chmod 700 "$folder/config"
# Everything that the device file names must be within its folder, so that it lies beside it there, too.
node "$root/build/tools/list-carried.js" "$file" >"$folder/carried"
while read -r each; do
  mkdir -p "$folder/config/$(dirname "$each")"
  cp "$(dirname "$file")/$each" "$folder/config/$each"
done <"$folder/carried"
rm "$folder/carried"
cp "$file" "$folder/config/device.yaml"

ln -s "$parts/node" "$folder/node"
ln -s "$parts/app/node_modules" "$root/package.json" "$folder/app/"
ln -s "$parts/native" "$folder/app/build/native/$arch"
for each in boards firmware hal tools; do ln -s "$root/build/$each" "$folder/app/build/"; done
cp "$here"/{choose,switch,pause}.sh "$here"/sluice.{sysusers,rules} "$here/sluice-choose.service" "$folder/deploy/"
cp "$here/sluice.service" "$folder/"
# What is the same in most releases: on the board it is linked to the release before, where these sums say that it is the same.
for each in node:node modules:app/node_modules; do
  list=$parts/${each%%:*}.sha256
  [ -e "$list" ] || (cd "$folder" && find -L "${each#*:}" -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum) >"$list.$$"
  [ -e "$list" ] || mv "$list.$$" "$list"
  cp "$list" "$folder/"
done
echo "$(node -p "require('$root/package.json').version")-$(date -u +%Y%m%dT%H%M%SZ)"
