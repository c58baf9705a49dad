set -e
mkdir -p @DIR@
cd @DIR@
written=.written
temporary=.temporary.@ID@
trap 'rm -f "$temporary" "$written.@ID@"' EXIT
touch "$written"
# was prints the sum under which we wrote a file the last time.
was() {
  while read -r sum file; do
    if [ "$file" = "$1" ]; then echo "$sum"; fi
  done <"$written"
}
# remember SUM FILE
remember() {
  while read -r sum file; do
    if [ "$file" != "$2" ]; then echo "$sum  $file"; fi
  done <"$written" >"$written.@ID@"
  echo "$1  $2" >>"$written.@ID@"
  mv -f "$written.@ID@" "$written"
}
# put FILE MODE SUM OVERWRITE writes what comes, as base64, on its standard input.
put() {
  if [ -d "$1" ]; then echo "$1 is a directory" >&2; exit 21; fi
  if [ -e "$1" ] && [ "$4" != always ]; then
    now=$(sha256sum <"$1")
    now=${now%% *}
    if [ "$now" != "$3" ] && { [ "$4" = never ] || [ "$now" != "$(was "$1")" ]; }; then
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
  remember "$3" "$1"
}
@FILES@