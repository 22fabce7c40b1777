# What U-Boot does, on a board and in a guest alike: it starts one of the two roots, and counts. A start that nobody
# confirms (slot.sh, when the device serves) uses up one of three; after the third the other root has its turn.
# The count is one sector of the disk, in the gap before the first partition, in the format of U-Boot's own environment with
# its checksum: a write either happened or did not. A sector that is not readable means root a, three starts.
setenv slot a
setenv left 3
setenv trial 0
setenv other b
${devtype} dev ${devnum}
if ${devtype} read ${ramdisk_addr_r} 0x40 1; then
  env import -c ${ramdisk_addr_r} 0x200 slot left trial
fi
if test "${slot}" = b; then setenv other a; else setenv slot a; setenv other b; fi
if test "${left}" = 3; then
  setenv left 2
elif test "${left}" = 2; then
  setenv left 1
elif test "${left}" = 1; then
  setenv left 0
else
  echo "sluice: root ${slot} was started three times and never confirmed: root ${other}"
  setenv slot ${other}
  setenv left 2
  setenv trial 0
fi
if test "${trial}" != 1; then setenv trial 0; fi
env export -c -s 0x200 ${ramdisk_addr_r} slot left trial
${devtype} write ${ramdisk_addr_r} 0x40 1

setenv number 2
if test "${slot}" = b; then setenv number 3; fi
part uuid ${devtype} ${devnum}:${number} partition
# The header's serial pins belong to card readers and meters: the kernel speaks on the screen.
setenv console tty0
if test "${board}" = qemu-arm; then setenv console ttyAMA0; fi
setenv bootargs root=PARTUUID=${partition} sluice.slot=${slot} console=${console} quiet panic=10 systemd.crash_reboot=yes
echo "sluice: root ${slot}, ${left} more starts unless it is confirmed"
if load ${devtype} ${devnum}:${number} ${kernel_addr_r} /boot/vmlinuz; then
  if load ${devtype} ${devnum}:${number} ${ramdisk_addr_r} /boot/initrd; then
    booti ${kernel_addr_r} ${ramdisk_addr_r}:${filesize} ${fdt_addr}
  fi
fi
echo "sluice: root ${slot} cannot be started"
reset
