set -u
export HOME=/root
d=/var/lib/proximity
p=$d/@NAME@
mkdir -p "$d"
if [ ! -f "$p.result" ] && flock -n "$p.lock" true; then
cat >"$p.sh" <<'PROXIMITY_SCRIPT'
@SCRIPT@
PROXIMITY_SCRIPT
setsid flock "$p.lock" sh -c '[ -f "$1.result" ] || { sh "$1.sh" >"$1.log" 2>&1; echo $? >"$1.tmp"; mv "$1.tmp" "$1.result"; }' sh "$p" </dev/null >/dev/null 2>&1 &
fi
seen=0
idle=0
while :; do
  over=0
  if [ -f "$p.result" ]; then over=1; fi
  if [ -f "$p.log" ]; then
    size=$(wc -c <"$p.log")
    if [ "$size" -gt "$seen" ]; then
      tail -c +$((seen + 1)) "$p.log" | head -c $((size - seen))
      seen=$size
      idle=0
    fi
  fi
  if [ "$over" = 1 ]; then exit "$(cat "$p.result")"; fi
  idle=$((idle + 1))
  if [ "$idle" -gt 5 ] && flock -n "$p.lock" true && [ ! -f "$p.result" ]; then exit 250; fi
  sleep 1
done
