good() {
  case "$kind" in
  none | compose-health) return 0 ;;
  tcp) nc -z -w 3 127.0.0.1 "$port" ;;
  http)
    if [ -z "$codes" ]; then
      wget -q -T 5 --no-check-certificate -O /dev/null "$scheme://127.0.0.1:$port$path"
      return
    fi
    got=$(wget -S -T 5 --no-check-certificate -O /dev/null "$scheme://127.0.0.1:$port$path" 2>&1 | sed -n 's/^ *HTTP\/[0-9.]* \([0-9]*\).*/\1/p' | tail -n 1)
    for code in $codes; do
      if [ "$got" = "$code" ]; then return 0; fi
    done
    return 1
    ;;
  esac
}
waited=0
until good; do
  waited=$((waited + 1))
  if [ "$waited" -ge "$limit" ]; then
    compose logs --no-color --tail 20
    echo "did not answer on port $port$path within $limit s"
    exit 1
  fi
  sleep 1
done
echo "answered after $waited s"
