#!/bin/sh
# What Proximity's key may do on a Proxmox node, and nothing else. Install it as
#   /usr/local/sbin/proximity-wrapper   (owner root, mode 0755)
# and put before the key in /root/.ssh/authorized_keys, on one line:
#   command="/usr/local/sbin/proximity-wrapper",restrict,pty
#
# Allowed, on containers of this installation that are on this node:
#   pct exec N --keep-env 0 -- sh -s     a script on standard input, inside the container
#   pct enter N                          a shell inside the container
#   pct push N /dev/stdin FILE           a file from standard input, never one of the node's
#   pct set N OPTION VALUE …             cores, memory, swap, hostname, onboot, tags, and nesting and keyctl
#   pct list                             of those containers alone
# A container is this installation's when its notes carry the installation's id.
set -euf
export LC_ALL=C
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH
unset IFS
configs=/etc/pve/lxc
installation=@INSTALLATION@
asked=${SSH_ORIGINAL_COMMAND-}

refuse() {
  if command -v logger >/dev/null 2>&1; then logger -t proximity-wrapper -- "refused: $1" || true; fi
  echo "permission denied by proximity-wrapper: $1" >&2
  exit 126
}

# ours N says whether the notes of container N carry the mark. Notes of
# snapshots, further down in the file, do not count.
ours() {
  while IFS= read -r line || [ -n "$line" ]; do
    case $line in
    "["*) return 1 ;;
    "#proximity-installation%3A $installation" | "#proximity-installation: $installation") return 0 ;;
    esac
  done <"$configs/$1.conf"
  return 1
}

number() {
  case $1 in
  "" | 0* | *[!0-9]* | ??????????*) refuse "not the number of a container" ;;
  esac
}

container() {
  number "$1"
  if [ ! -f "$configs/$1.conf" ]; then
    echo "Configuration file 'lxc/$1.conf' does not exist" >&2
    exit 2
  fi
  ours "$1" || refuse "CT $1 does not belong to this installation"
}

# settings are pairs of an option and its value that change nothing outside
# the container.
settings() {
  [ $# -gt 0 ] || refuse "nothing to set"
  while [ $# -gt 0 ]; do
    [ $# -gt 1 ] || refuse "an option without a value"
    case $1 in
    --cores | --memory | --swap | --onboot)
      case $2 in "" | *[!0-9]*) refuse "$1 takes a number" ;; esac
      ;;
    --hostname)
      case $2 in "" | -* | *[!a-z0-9.-]*) refuse "not a hostname" ;; esac
      ;;
    --tags)
      case $2 in "" | -* | *[!a-z0-9_.,-]*) refuse "not tags" ;; esac
      ;;
    --features)
      case $2 in nesting=1 | nesting=1,keyctl=1 | keyctl=1,nesting=1) ;; *) refuse "features other than nesting and keyctl" ;; esac
      ;;
    *) refuse "an option that may not be set" ;;
    esac
    shift 2
  done
}

case $asked in
"") refuse "no command: this key opens no shell" ;;
*[!A-Za-z0-9\ ./=,_-]*) refuse "a character that no command of Proximity has" ;;
esac
[ ${#asked} -le 512 ] || refuse "a command that is too long"
set -- $asked # words: nothing in them can be expanded
[ $# -ge 2 ] && [ "$1" = pct ] || refuse "not a pct command"
verb=$2
shift 2
case $verb in
list)
  [ $# -eq 0 ] || refuse "pct list takes nothing"
  pct list | while IFS= read -r row; do
    id=${row%% *}
    case $id in
    VMID) echo "$row" ;;
    "" | *[!0-9]*) ;;
    *) if [ -f "$configs/$id.conf" ] && ours "$id"; then echo "$row"; fi ;;
    esac
  done
  ;;
exec)
  [ $# -ge 1 ] || refuse "no container"
  id=$1
  shift
  [ "$*" = "--keep-env 0 -- sh -s" ] || refuse "pct exec takes --keep-env 0 -- sh -s"
  container "$id"
  exec pct exec "$id" --keep-env 0 -- sh -s
  ;;
enter)
  [ $# -eq 1 ] || refuse "pct enter takes a container"
  container "$1"
  exec pct enter "$1"
  ;;
push)
  [ $# -eq 3 ] && [ "$2" = /dev/stdin ] || refuse "pct push takes a container, /dev/stdin and a file"
  case $3 in /*) ;; *) refuse "not an absolute path" ;; esac
  container "$1"
  exec pct push "$1" /dev/stdin "$3"
  ;;
set)
  [ $# -ge 1 ] || refuse "no container"
  id=$1
  shift
  settings "$@"
  container "$id"
  exec pct set "$id" "$@"
  ;;
*) refuse "pct $verb is not allowed" ;;
esac
