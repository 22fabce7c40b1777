#!/bin/bash
# Puts a kernel, its modules and a first file system (initrd) into a system's folder: one that loads the drivers of whatever
# computer it finds itself on. No program of the target runs for it.
#   kernel.sh UNPACKED_KERNEL_PACKAGE SYSTEM_FOLDER
set -euo pipefail
image=$(dirname "$(readlink -f "$0")")
kernel=$1 tree=$2
PATH=$PATH:/usr/sbin:/sbin
version=$(ls "$kernel/lib/modules")
modules=$tree/lib/modules/$version/kernel

cp -a "$kernel/lib/modules" "$tree/lib/"
# Screens, sound, cameras, and the networks of data centres: half of all bytes, and no board of ours has them.
rm -rf "$modules"/sound "$modules"/drivers/{gpu,media,infiniband,isdn,staging,scsi,target,md,hwtracing} \
  "$modules"/drivers/net/ethernet/{mellanox,chelsio,intel,qlogic,broadcom/bnx2x,amazon,cavium,netronome,hisilicon,sfc,marvell,aquantia} \
  "$modules"/drivers/net/wireless/{ath,intel,marvell,mediatek,ralink,realtek,rsi,ti} \
  "$modules"/fs/{ocfs2,gfs2,xfs,btrfs,ceph,nfsd,jfs,reiserfs,ubifs,f2fs,smb,cifs,nfs,afs,lockd}
depmod -b "$tree" "$version"
cp "$kernel/boot/vmlinuz-$version" "$tree/boot/vmlinuz"

first=$(mktemp -d)
trap 'rm -rf "$first"' EXIT
into=$first/lib/modules/$version
mkdir -p "$first"/{bin,proc,sys,dev,slot} "$into"
# Every driver on the way to the disk, by folder, and what these need by the kernel's own list.
(cd "$tree/lib/modules/$version" &&
  find kernel/drivers/{block/virtio_blk.ko,virtio,mmc,regulator,clk,gpio,pinctrl,dma,mailbox,firmware,reset,bus,nvmem,phy,soc} \
    kernel/drivers/{i2c/busses,char/hw_random} \
    kernel/fs/{ext4,overlayfs} kernel/crypto/crc* -name '*.ko' 2>/dev/null |
  awk 'NR == FNR { line = $0; sub(/:.*/, "", line); needs[line] = substr($0, length(line) + 2); next }
       { print; count = split(needs[$0], each, " "); for (i = 1; i <= count; i++) print each[i] }' modules.dep - |
  sort -u | tee "$first/list" | cpio -pdm --quiet "$into")
rm "$first/list"
cp "$tree/lib/modules/$version"/modules.{builtin,order,builtin.modinfo} "$into/"
depmod -b "$first" "$version"
cp "$tree/bin/busybox" "$first/bin/"
install -m 755 "$image/first-init" "$first/init"
(cd "$first" && find . | cpio -o -H newc --quiet | gzip -6) >"$tree/boot/initrd"
