set -e
apk update
apk add docker docker-cli-compose
rc-update add docker default
rc-service docker start
i=0
until docker info >/dev/null 2>&1; do
  i=$((i + 1))
  if [ "$i" -ge 60 ]; then echo "docker does not answer a minute after its start"; exit 1; fi
  sleep 1
done
docker compose version
