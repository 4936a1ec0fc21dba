#!/bin/busybox sh
# The first process of the kernel test machine: shows it the machine that it runs on, runs one
# script there, tells its status on the second serial port, and switches off. Its root is that of
# the machine that started it, read only, with a layer in memory that takes what is written.
b=/bin/busybox
for name in proc sys dev; do $b mkdir -p /$name; done
$b mount -t proc proc /proc
$b mount -t sysfs sys /sys
$b mount -t devtmpfs dev /dev
for module in /modules/*; do $b insmod $module || echo "$module was refused"; done
$b mkdir /lower /layer /root
$b mount -t 9p -o trans=virtio,version=9p2000.L,cache=loose,ro,msize=524288 root /lower
$b mount -t tmpfs layer /layer
$b mkdir /layer/upper /layer/work
$b mount -t overlay -o lowerdir=/lower,upperdir=/layer/upper,workdir=/layer/work overlay /root
for name in proc sys dev; do $b mount --move /$name /root/$name; done
$b mkdir -p /root/dev/shm /root/dev/pts
$b mount -t tmpfs shm /root/dev/shm
$b mount -t devpts pts /root/dev/pts
$b mount -t tmpfs run /root/run
$b ip link set lo up
script=$($b sed -n 's/.*punktfunk.script=\([^ ]*\).*/\1/p' /root/proc/cmdline)
out=/root/dev/ttyS1
$b stty -F $out raw
$b chroot /root /bin/sh "$script" > $out 2>&1 < /root/dev/null
$b printf '\npunktfunk-status %d\n' $? > $out
# What was written has to leave the serial port first.
$b stty -F $out drain 2> /root/dev/null
$b poweroff -f
