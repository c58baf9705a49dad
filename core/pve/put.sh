set -e
mkdir -p @DIR@
cd @DIR@
written=.written
temporary=.temporary.@ID@
trap 'rm -f "$temporary" "$written.@ID@"' EXIT
touch "$written"
: >"$written.@ID@"
# was prints the sum under which we wrote a file the last time.
was() {
  while read -r sum file; do
    if [ "$file" = "$1" ]; then echo "$sum"; fi
  done <"$written"
}
# put FILE MODE SUM OVERWRITE writes what comes, as base64, on its standard input.
put() {
  if [ -d "$1" ]; then echo "$1 is a directory" >&2; exit 21; fi
  before=$(was "$1")
  if [ -e "$1" ] && [ "$4" != always ]; then
    now=$(sha256sum <"$1")
    now=${now%% *}
    if [ "$now" != "$3" ] && { [ "$4" = never ] || [ "$now" != "$before" ]; }; then
      if [ -n "$before" ]; then echo "$before  $1" >>"$written.@ID@"; fi
      echo "kept $1"
      return
    fi
  fi
  mkdir -p "$(dirname "$1")"
  rm -f "$temporary"
  : >"$temporary"
  chmod "$2" "$temporary"
  base64 -d >"$temporary"
  mv -f "$temporary" "$1"
  arrived=$(sha256sum <"$1")
  if [ "${arrived%% *}" != "$3" ]; then echo "$1 did not arrive whole" >&2; exit 74; fi
  echo "$3  $1" >>"$written.@ID@"
}
@FILES@mv -f "$written.@ID@" "$written"
