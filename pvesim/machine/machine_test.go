package machine

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// fastTime makes a second inside take 10 ms.
const fastTime = 0.01

// boot starts a machine on its own loopback address.
func boot(t *testing.T, o Options) *Machine {
	t.Helper()
	if o.TaskTime == 0 {
		o.TaskTime = fastTime
	}
	m := New(o)
	addr := freeAddress(t)
	if err := m.Boot(t.Context(), addr); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Halt)
	return m
}

// freeAddress claims an address of 127/8 for the test.
func freeAddress(t *testing.T) netip.Addr {
	t.Helper()
	for i := range 200 {
		addr := netip.AddrFrom4([4]byte{127, 77, byte(time.Now().UnixNano() / 1000 % 250), byte(2 + i)})
		l, err := net.Listen("tcp", netip.AddrPortFrom(addr, 64998).String())
		if err == nil {
			t.Cleanup(func() { l.Close() })
			return addr
		}
	}
	t.Fatal("no free loopback address")
	return netip.Addr{}
}

// sh runs a script on stdin as core does, and returns what it printed with its exit code.
func sh(t *testing.T, m *Machine, script string) (string, int) {
	t.Helper()
	var out bytes.Buffer
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	code := m.Exec(ctx, []string{"sh", "-s"}, nil, strings.NewReader(script), &out, &out)
	return out.String(), code
}

// must runs a script that has to succeed.
func must(t *testing.T, m *Machine, script string) string {
	t.Helper()
	out, code := sh(t, m, script)
	if code != 0 {
		t.Fatalf("exit %d of\n%s\n--- output\n%s", code, script, out)
	}
	return out
}

const installAlpine = `set -eu
apk update -q
apk add -q docker docker-cli-compose
rc-update add docker default
rc-service docker start
for i in $(seq 60); do docker info >/dev/null 2>&1 && break; sleep 1; done
docker info >/dev/null
docker compose version
docker run --rm hello-world
`

const installDebian = `set -eu
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq docker.io docker-cli docker-compose >/dev/null
systemctl enable --now docker
systemctl is-active docker
docker compose version
docker run --rm hello-world
`

const composeMiniflux = `set -eu
umask 077
mkdir -p /opt/proximity/rss
cd /opt/proximity/rss
cat > compose.yaml <<'Y'
services:
  app:
    image: docker.io/miniflux/miniflux:2.3.3
    restart: unless-stopped
    ports: ["8080:8080"]
    depends_on: {db: {condition: service_healthy}}
    environment:
      DATABASE_URL: "postgres://miniflux:${DB_PASSWORD:?}@db/miniflux?sslmode=disable"
      TZ: "${PX_TZ:-UTC}"
    healthcheck: {test: ["CMD", "/usr/bin/miniflux", "-healthcheck", "auto"], interval: 30s, start_period: 20s}
  db:
    image: docker.io/library/postgres:17-alpine
    restart: unless-stopped
    environment: {POSTGRES_PASSWORD: "${DB_PASSWORD:?}"}
    volumes: ["db:/var/lib/postgresql/data"]
    healthcheck: {test: ["CMD-SHELL", "pg_isready -U miniflux"], interval: 5s, retries: 20}
volumes: {db: {}}
Y
printf "DB_PASSWORD='%s'\n" s3cr3t > .env
docker compose config -q
docker compose pull
docker compose up -d --wait --wait-timeout 120
wget -q -O- http://localhost:8080/healthcheck
docker compose ps --format json
docker compose logs --no-color --tail 3
`

func TestAnAppIsDeployedWithinAContainer(t *testing.T) {
	for _, tc := range []struct{ os, install, compose string }{
		{"alpine", installAlpine, "Docker Compose version v2.36.2"},
		{"debian", installDebian, "Docker Compose version 2.26.1-4"},
	} {
		t.Run(tc.os, func(t *testing.T) {
			m := boot(t, Options{Hostname: "rss", OS: tc.os, MemoryMB: 1024})
			out := must(t, m, tc.install)
			for _, want := range []string{"Hello from Docker!", tc.compose, "Status: Downloaded newer image for hello-world:latest"} {
				if !strings.Contains(out, want) {
					t.Errorf("installation says nothing of %q:\n%s", want, out)
				}
			}
			out = must(t, m, composeMiniflux)
			for _, want := range []string{" Network rss_default  Created", ` Volume "rss_db"  Created`, " Container rss-db-1  Healthy", " Container rss-app-1  Healthy", "\nOK\n", `"Name":"rss-app-1"`, `"Health":"healthy"`, "app-1  | "} {
				if !strings.Contains(out, want) {
					t.Errorf("deployment says nothing of %q:\n%s", want, out)
				}
			}
			if body := fetch(t, m, 8080, "/"); !strings.Contains(body, "miniflux") {
				t.Errorf("the published port answers %q", body)
			}
			must(t, m, "cd /opt/proximity/rss && docker compose down")
			if _, err := http.Get(fmt.Sprintf("http://%s:8080/", m.addr())); err == nil {
				t.Error("the port still answers after down")
			}
			if out := must(t, m, "docker volume ls -q; docker ps -aq"); out != "rss_db\n" {
				t.Errorf("after down there are %q", out)
			}
		})
	}
}

// fetch asks the machine's real port from outside.
func fetch(t *testing.T, m *Machine, port int, path string) string {
	t.Helper()
	resp, err := http.Get(fmt.Sprintf("http://%s:%d%s", m.addr(), port, path))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("status %d, %v", resp.StatusCode, err)
	}
	return string(body)
}
