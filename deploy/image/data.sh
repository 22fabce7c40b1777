#!/bin/bash
# Fills the folder that becomes the data partition: what Debian keeps in /var, and the release under /opt/sluice as
# `make deploy` would have put it there. No key is made here: the board makes its own.
#   data.sh DATA_TAR RELEASE_FOLDER RELEASE_NAME FOLDER
set -euo pipefail
# As furnish.sh numbers it.
SLUICE_ID=990
given=$1 release=$2 name=$3 data=$4
fail() { echo "image: $*" >&2; exit 1; }

mkdir -p "$data"
tar -C "$data" --numeric-owner -x -f "$given"
home=$data/opt/sluice
into=$home/releases/$name
mkdir -p "$into"
tar -C "$release" --dereference --owner=0 --group=0 --exclude='*.d.ts' --exclude=app/build/tools/bench -c . | tar -C "$into" -x
chmod -R u=rwX,go=rX "$into"

# As on-target.sh does it on a board; a device file may hold the broker's key, or the payment host's.
mkdir -p "$into/node_modules"
ln -sfn ../app "$into/node_modules/sluice"
node "$into/app/build/tools/unit-devices.js" "$into/config/device.yaml" >>"$into/sluice.service" || fail "the device file asks for what no unit can give: the words are above"
chown -R $SLUICE_ID:$SLUICE_ID "$into/config"
chmod -R u=rwX,go= "$into/config"
install -d -m 700 -o $SLUICE_ID -g $SLUICE_ID "$data/var/lib/sluice"
ln -sfn "releases/$name" "$home/current"
ln -sfn "releases/$name" "$home/confirmed"
