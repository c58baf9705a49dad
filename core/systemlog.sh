tail=@TAIL@
follow=@FOLLOW@
names=$(docker ps --format '{{.Names}}' 2>/dev/null)
if [ -n "$names" ]; then
  for name in $names; do
    docker logs --tail "$tail" $follow "$name" 2>&1 | sed "s/^/$name: /" &
  done
  wait
  exit 0
fi
if command -v journalctl >/dev/null 2>&1; then
  exec journalctl --no-pager --lines "$tail" $follow
fi
for file in /var/log/messages /var/log/syslog; do
  if [ -f "$file" ]; then exec tail -n "$tail" ${follow:+-F} "$file"; fi
done
exit 64
