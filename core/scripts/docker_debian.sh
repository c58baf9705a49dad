set -e
export DEBIAN_FRONTEND=noninteractive
apt-get update
apt-get install -y docker.io docker-cli docker-compose || apt-get install -y docker.io docker-compose
apt-get install -y wget netcat-openbsd
systemctl enable --now docker
i=0
until docker info >/dev/null 2>&1; do
  i=$((i + 1))
  if [ "$i" -ge 60 ]; then echo "docker does not answer a minute after its start"; exit 1; fi
  sleep 1
done
docker compose version
