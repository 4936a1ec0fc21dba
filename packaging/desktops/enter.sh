#!/bin/sh
# Runs a command in a Debian folder: the first process of mount and process namespaces of its own,
# so that every mount and every process ends with it. It stays root's to the end: a change of user
# would make the kernel forget that it is to die with its parent.
#   enter.sh install FOLDER ARCHIVES COMMAND…
#       as root, with the network of this machine; packages are kept in ARCHIVES
#   enter.sh use FOLDER CHECKOUT BUILD PICTURES COMMAND…
#       as an ordinary user with a runtime folder of its own, in CHECKOUT at /punktfunk, which can't
#       be written but for its build folder (BUILD); pictures go to PICTURES at /pictures
set -eu
what=$1 folder=$2
shift 2

mount -t proc proc "$folder/proc"
mount --rbind /sys "$folder/sys"
mount --rbind /dev "$folder/dev"
for private in dev/shm tmp run; do
  mount -t tmpfs -o mode=1777 tmpfs "$folder/$private"
done

case $what in
install)
  mount --bind "$1" "$folder/var/cache/apt/archives"
  shift
  cp -L /etc/resolv.conf "$folder/etc/resolv.conf"
  chroot "$folder" /usr/bin/env -i HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
    PATH=/usr/sbin:/usr/bin:/sbin:/bin ${http_proxy:+"http_proxy=$http_proxy"} "$@"
  ;;
use)
  checkout=$1 build=$2 pictures=$3
  shift 3
  mount --bind "$checkout" "$folder/punktfunk"
  mount -o remount,bind,ro "$folder/punktfunk"
  mount --bind "$build" "$folder/punktfunk/build"
  mount --bind "$pictures" "$folder/pictures"
  # X11's sockets are made by whoever comes first, which must not be an ordinary user.
  mkdir -m 1777 "$folder/tmp/.X11-unix"
  mkdir -p "$folder/run/user" "$folder/run/dbus"
  user=$(chroot "$folder" /usr/bin/id -u punktfunk)
  mkdir -m 700 "$folder/run/user/$user"
  chown "$user:$user" "$folder/run/user/$user" "$build" "$pictures"
  chroot "$folder" /usr/sbin/ip link set lo up
  cd /
  chroot "$folder" /usr/bin/setpriv --reuid punktfunk --regid punktfunk --clear-groups \
    /usr/bin/env -i HOME=/home/punktfunk USER=punktfunk LOGNAME=punktfunk SHELL=/bin/sh \
    LC_ALL=C.UTF-8 PATH=/punktfunk/node_modules/.bin:/usr/bin:/bin:/usr/sbin TERM="${TERM:-dumb}" \
    XDG_RUNTIME_DIR="/run/user/$user" LIBGL_ALWAYS_SOFTWARE=1 NO_AT_BRIDGE=1 \
    PUNKTFUNK_PICTURES=/pictures /bin/sh -c 'cd /punktfunk && exec "$@"' sh "$@"
  ;;
esac
