package machine

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"
)

// ready boots a machine with docker on it.
func ready(t *testing.T, os string) *Machine {
	t.Helper()
	m := boot(t, Options{Hostname: "box", OS: os, MemoryMB: 2048})
	if os == "debian" {
		must(t, m, installDebian)
	} else {
		must(t, m, installAlpine)
	}
	return m
}

// compose writes a compose file into /opt/NAME.
func compose(t *testing.T, m *Machine, name, text string) {
	t.Helper()
	must(t, m, "mkdir -p /opt/"+name+"\ncat > /opt/"+name+"/compose.yaml <<'EOF'\n"+text+"\nEOF\n")
}

// eventually polls until done says yes.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !done() {
		if time.Now().After(deadline) {
			t.Fatal("never happened: " + what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

const web = `services:
  web:
    image: ghcr.io/example/web:1.2
    ports: ["8080:80"]
    restart: unless-stopped
    volumes: ["data:/data"]
volumes: {data: {}}`

func TestComposeTellsWhatARealOneTells(t *testing.T) {
	m := ready(t, "alpine")
	for name, tc := range map[string]struct {
		file, command, want string
		code                int
	}{
		"no file":         {"", "docker compose up -d", "no configuration file provided: not found\n", 14},
		"required":        {"services:\n  a:\n    image: x\n    environment: {P: \"${NEED:?must be set}\"}", "docker compose config -q", "required variable NEED is missing a value: must be set", 15},
		"unknown key":     {"services:\n  a:\n    image: x\n    prots: [\"1:1\"]", "docker compose config -q", "prots", 15},
		"not yaml":        {"services:\n  a:\n   image: x\n  bad", "docker compose config -q", "yaml", 15},
		"external volume": {"services:\n  a:\n    image: alpine\n    volumes: [\"ext:/x\"]\nvolumes: {ext: {external: true}}", "docker compose up -d", "external volume \"ext\" not found\n", 1},
		"build":           {"services:\n  a:\n    build: .", "docker compose up -d", "failed to solve: failed to read dockerfile", 17},
		"exited":          {"services:\n  a: {image: alpine, command: [\"sh\",\"-c\",\"echo starting; echo boom >&2; exit 3\"]}", "docker compose up -d --wait", "container exited-a-1 exited (3)\n", 1},
		"exited well":     {"services:\n  a: {image: alpine, command: [\"true\"]}", "docker compose up -d --wait", "container exited-well-a-1 exited (0)\n", 1},
		"unhealthy dependency": {"services:\n  a: {image: alpine, command: [\"sleep\",\"1000\"], restart: always, healthcheck: {test: [\"CMD\",\"false\"], interval: 1s, retries: 2}}\n  b: {image: alpine, command: [\"sleep\",\"1000\"], depends_on: {a: {condition: service_healthy}}}",
			"docker compose up -d --wait; c=$?; docker compose down -t 1 >/dev/null 2>&1; exit $c", "dependency failed to start: container unhealthy-dependency-a-1 is unhealthy\n", 1},
		"wait timeout": {"services:\n  a: {image: alpine, command: [\"sleep\",\"100000\"], healthcheck: {test: [\"CMD\",\"true\"], interval: 10h}}",
			"docker compose up -d --wait --wait-timeout 3; c=$?; docker compose down -t 0 >/dev/null 2>&1; exit $c", "application not healthy after 3s\n", 1},
		"command not in image": {"services:\n  a: {image: alpine, command: [\"nosuch\"]}", "docker compose up -d", "exec: \"nosuch\": executable file not found in $PATH", 1},
		"unset variable":       {"services:\n  a:\n    image: alpine\n    environment: {P: \"${UNSET}\"}", "docker compose config -q", "The \\\"UNSET\\\" variable is not set. Defaulting to a blank string.", 0},
		"exec in none":         {"services:\n  a: {image: alpine}", "docker compose exec -T a true", "service \"a\" is not running\n", 1},
		"include":              {"include: [/etc/passwd]\nservices: {}", "docker compose config -q", "include is not supported", 15},
	} {
		t.Run(name, func(t *testing.T) {
			project := strings.ReplaceAll(name, " ", "-")
			if tc.file == "" {
				must(t, m, "mkdir -p /opt/"+project)
			} else {
				compose(t, m, project, tc.file)
			}
			out, code := sh(t, m, "cd /opt/"+project+"\n"+tc.command+"\n")
			if code != tc.code || !strings.Contains(out, tc.want) {
				t.Errorf("got %d %q\nwant %d %q", code, out, tc.code, tc.want)
			}
		})
	}
}

func TestPortsAreAllocatedOnce(t *testing.T) {
	m := ready(t, "debian")
	compose(t, m, "one", web)
	compose(t, m, "two", web)
	must(t, m, "cd /opt/one && docker compose up -d --wait")
	if out, code := sh(t, m, "cd /opt/two && docker compose up -d"); code != 1 || !strings.Contains(out, "Bind for 0.0.0.0:8080 failed: port is already allocated") {
		t.Errorf("exit %d, %s", code, out)
	}
	compose(t, m, "ssh", strings.ReplaceAll(web, "8080:80", "22:22"))
	if out, code := sh(t, m, "cd /opt/ssh && docker compose up -d"); code != 1 || !strings.Contains(out, "listen tcp4 0.0.0.0:22: bind: address already in use") {
		t.Errorf("exit %d, %s", code, out)
	}
}

func TestFaultsSayWhatRealOnesSay(t *testing.T) {
	m := ready(t, "alpine")
	compose(t, m, "f", web)
	up := "cd /opt/f && docker compose up -d --wait --wait-timeout 30"
	try := func(fault Fault, script, want string, code int) {
		t.Helper()
		m.SetFault(fault)
		defer m.ClearFault(fault)
		out, got := sh(t, m, script)
		if got != code || !strings.Contains(out, want) {
			t.Errorf("%s: exit %d, want %d and %q:\n%s", fault, got, code, want, out)
		}
		sh(t, m, "cd /opt/f && docker compose down -t 0")
	}
	try("no-network", up, "Get \"https://ghcr.io/v2/\": dial tcp: lookup ghcr.io on 10.255.255.53:53: read udp", 18)
	try("no-network", "docker pull alpine:3.20", "i/o timeout", 1)
	try("no-network", "apk update", "temporary error (try again later)", 2)
	try("pull:ghcr.io/example/web:1.2:toomanyrequests: You have reached your unauthenticated pull rate limit.", up, " web Error toomanyrequests: You have reached", 18)
	try("pull:*:manifest unknown", "docker pull nginx", "Error response from daemon: manifest unknown", 1)
	try("apparmor", "docker run --rm hello-world", "open sysctl net.ipv4.ip_unprivileged_port_start file: reopen fd 8: permission denied", 125)
	try("apparmor", up, "open sysctl net.ipv4.ip_unprivileged_port_start file: reopen fd 8: permission denied", 1)
	// A service without a health check that crashes again and again looks healthy to up --wait: look again after it.
	m.SetFault("crash-loop:web")
	must(t, m, up)
	eventually(t, "the crash loop shows", func() bool {
		return strings.Contains(must(t, m, "docker inspect -f '{{.State.Status}} {{.RestartCount}}' f-web-1"), "restarting 3")
	})
	m.ClearFault("crash-loop:web")
	must(t, m, "cd /opt/f && docker compose down -t 0")
	compose(t, m, "f", strings.Replace(web, "    restart", "    healthcheck: {test: [CMD, probe], interval: 1s, retries: 2}\n    restart", 1))
	try("unhealthy:web", up, "container f-web-1 is unhealthy", 1)
	registry := NewRegistry()
	registry.Deny("private/x:1", "unauthorized")
	other := boot(t, Options{Registry: registry})
	must(t, other, installAlpine)
	if out, code := sh(t, other, "docker pull private/x:1"); code != 1 || !strings.Contains(out, "unauthorized") {
		t.Errorf("exit %d, %s", code, out)
	}
}

func TestOfflineDebian(t *testing.T) {
	m := boot(t, Options{OS: "debian"})
	m.SetFault("no-network")
	out, code := sh(t, m, "apt-get update; echo rc=$?; apt-get install -y docker.io; echo rc=$?")
	if code != 0 || !strings.Contains(out, "Temporary failure resolving 'deb.debian.org'") || !strings.Contains(out, "rc=0\n") || !strings.HasSuffix(out, "rc=100\n") {
		t.Errorf("exit %d, %s", code, out)
	}
}

func TestHaltClosesPortsAndBootBringsThemBack(t *testing.T) {
	for _, os := range []string{"alpine", "debian"} {
		t.Run(os, func(t *testing.T) {
			m := ready(t, os)
			compose(t, m, "w", web)
			must(t, m, "cd /opt/w && docker compose up -d --wait && echo kept > /var/lib/docker/volumes/w_data/_data/f")
			eventually(t, "the service is ready", func() bool { _, err := http.Get("http://" + m.addr().String() + ":8080/"); return err == nil })
			m.Halt()
			if c, err := net.Dial("tcp", m.addr().String()+":8080"); err == nil {
				c.Close()
				t.Fatal("the port of a halted machine answers")
			}
			if code := m.Exec(t.Context(), []string{"true"}, nil, nil, nil, nil); code != 255 {
				t.Errorf("a halted machine ran a command: %d", code)
			}
			if err := m.Boot(t.Context(), m.addr()); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the service is back", func() bool { _, err := http.Get("http://" + m.addr().String() + ":8080/"); return err == nil })
			if out := must(t, m, "cat /var/lib/docker/volumes/w_data/_data/f"); out != "kept\n" {
				t.Errorf("the volume has %q", out)
			}
			must(t, m, "cd /opt/w && docker compose stop")
			m.Halt()
			if err := m.Boot(t.Context(), m.addr()); err != nil {
				t.Fatal(err)
			}
			if out := must(t, m, "until docker info >/dev/null 2>&1; do sleep 1; done; docker ps -q"); out != "" {
				t.Errorf("a container that was stopped by hand came back: %q", out)
			}
		})
	}
}

func TestCloneAndStateKeepEverything(t *testing.T) {
	m := ready(t, "alpine")
	compose(t, m, "w", web)
	must(t, m, "cd /opt/w && docker compose up -d --wait && echo kept > /root/f && ln /root/f /root/hard")
	text, err := json.Marshal(m.Snapshot())
	if err != nil {
		t.Fatal(err)
	}
	var s State
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	restored := New(Options{Hostname: "box", TaskTime: fastTime})
	restored.Restore(s)
	cloned := m.Clone(Options{Hostname: "copy", TaskTime: fastTime})
	for name, c := range map[string]*Machine{"restored": restored, "cloned": cloned} {
		if err := c.Boot(t.Context(), freeAddress(t)); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Halt)
		eventually(t, name+" serves", func() bool { _, err := http.Get("http://" + c.addr().String() + ":8080/"); return err == nil })
		if out := must(t, c, "cat /root/f; apk info -e docker; docker ps --format '{{.Names}}'; stat -c %h /root/f; cat /etc/hostname"); out != "kept\ndocker\nw-web-1\n2\n"+c.opts.Hostname+"\n" {
			t.Errorf("%s has %q", name, out)
		}
	}
	must(t, cloned, "echo other > /root/f")
	if out := must(t, m, "cat /root/f"); out != "kept\n" {
		t.Errorf("the clone changed its original: %q", out)
	}
	m.Restore(State{})
	if m.Running() {
		t.Error("a restored machine runs")
	}
}

func TestLogsFollowUntilTheReaderLeaves(t *testing.T) {
	m := ready(t, "alpine")
	compose(t, m, "w", web)
	must(t, m, "cd /opt/w && docker compose up -d --wait")
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	code := make(chan int, 1)
	go func() {
		code <- m.Exec(ctx, []string{"sh", "-c", "cd /opt/w && docker compose logs -f --no-color --timestamps --tail 1"}, nil, nil, w, w)
		w.Close()
	}()
	b := make([]byte, 4096)
	seen := ""
	for strings.Count(seen, "\n") < 3 {
		n, err := r.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		seen += string(b[:n])
	}
	if !strings.HasPrefix(seen, "web-1  | 20") {
		t.Errorf("the log begins %q", seen)
	}
	cancel()
	go io.Copy(io.Discard, r)
	if c := <-code; c != 137 {
		t.Errorf("exit %d, want 137", c)
	}
}

func TestKillEndsWhatIsWaitedForAndSparesTheBackground(t *testing.T) {
	m := boot(t, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	code := make(chan int, 1)
	go func() {
		code <- m.Exec(ctx, []string{"sh", "-s"}, nil, strings.NewReader("setsid sh -c 'while [ ! -e /root/go ]; do sleep 0.1; done; echo done > /root/bg' >/dev/null 2>&1 &\nnohup sh -c 'sleep 0.1; echo hup > /root/nohup' >/dev/null 2>&1 &\ntouch /root/started\nsleep 100000\n"), nil, nil)
	}()
	eventually(t, "the script runs", func() bool { _, err := m.ReadFile("/root/started"); return err == nil })
	cancel()
	if c := <-code; c != 137 {
		t.Errorf("exit %d, want 137", c)
	}
	must(t, m, "touch /root/go")
	for _, name := range []string{"/root/bg", "/root/nohup"} {
		eventually(t, name, func() bool { b, _ := m.ReadFile(name); return len(b) > 0 })
	}
	eventually(t, "the foreground is gone", func() bool { _, code := sh(t, m, "pgrep -f 'sleep 100000'"); return code == 1 })
}

// TestNoScriptReachesTheRealMachine: files, variables, processes and commands of the simulator's own machine stay out of reach.
func TestNoScriptReachesTheRealMachine(t *testing.T) {
	dir := t.TempDir()
	secret := dir + "/secret"
	if err := os.WriteFile(secret, []byte("SECRET=real\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PVESIM_SECRET", "real")
	m := ready(t, "debian")
	compose(t, m, "e", "services:\n  a: {image: alpine, command: [cat, /h/secret], volumes: ['"+dir+":/h'], env_file: [{path: "+secret+", required: false}]}")
	for _, script := range []string{
		"cat " + secret, ". " + secret, "cat < " + secret, "ls " + dir, "echo " + dir + "/*", "test -e " + secret + " && echo real", "env", "set",
		"cat <(cat " + secret + ")", "bash -c 'cat <(cat " + secret + "); echo $(<" + secret + "); mapfile x < " + secret + "; echo $x'", "echo ~nobody ~daemon",
		"docker run --rm -v " + dir + ":/h alpine cat /h/secret", "cd /opt/e && docker compose config; docker compose up; docker compose run --rm a cat /h/secret",
		"docker run --rm --env-file " + secret + " alpine env", "cd / && docker compose -f " + secret + " config", "cp -r " + dir + " /root/x; cat /root/x/secret", "wget -qO- file://" + secret, "exec 7<" + secret + "; cat <&7",
		"cat /proc/self/environ; cat /proc/1/environ; ls /proc/self/fd", "sed -n p " + secret + "; grep . " + secret + "; tail " + secret + "; sh " + secret + "; install " + secret + " /root/y; cat /root/y",
		"echo changed > " + secret, "rm -rf " + dir, "/usr/bin/env -i " + secret, "ln -s " + secret + " /root/l; cat /root/l",
	} {
		out, _ := sh(t, m, script)
		if strings.Contains(out, "real") {
			t.Errorf("%s\nprints %q", script, out)
		}
	}
	if b, err := os.ReadFile(secret); err != nil || string(b) != "SECRET=real\n" {
		t.Errorf("the real file is %q, %v", b, err)
	}
	if _, err := m.ReadFile("/proc/self/cmdline"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the real /proc shows through: %v", err)
	}
}

func TestContainersSeeTheirVolumesOnly(t *testing.T) {
	m := ready(t, "alpine")
	compose(t, m, "db", "services:\n  db:\n    image: postgres:17-alpine\n    volumes: ['data:/var/lib/postgresql/data']\n    healthcheck: {test: [CMD-SHELL, pg_isready], interval: 1s}\nvolumes: {data: {}}")
	out := must(t, m, `cd /opt/db && docker compose up -d --wait 2>/dev/null
docker compose exec -T db pg_dump -U x -Fc -f /var/lib/postgresql/data/px-dump.pgc x
docker compose exec -T db ls /var/lib/postgresql/data
ls /var/lib/docker/volumes/db_data/_data
docker compose exec -T db cat /etc/os-release || echo none
docker compose exec -T db sh -c 'exit 6' || echo $?
printf in | docker compose exec -T db cat
`)
	if want := "px-dump.pgc\npx-dump.pgc\ncat: can't open '/etc/os-release': No such file or directory\nnone\n6\nin"; out != want {
		t.Errorf("got %q\nwant %q", out, want)
	}
}

func TestUsageMovesAndIsTheSameForTheSameSeed(t *testing.T) {
	now := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	usage := func(seed int64, after time.Duration) Usage {
		at := now
		m := New(Options{Seed: seed, MemoryMB: 512, Now: func() time.Time { return at }})
		if err := m.Boot(t.Context(), netip.MustParseAddr("127.0.0.9")); err != nil {
			t.Fatal(err)
		}
		defer m.Halt()
		at = at.Add(after)
		return m.Usage()
	}
	a, b, later, other := usage(1, time.Minute), usage(1, time.Minute), usage(1, 2*time.Minute), usage(2, time.Minute)
	if a != b {
		t.Errorf("same seed and time, %+v and %+v", a, b)
	}
	if a == later || a == other || later.NetIn <= a.NetIn {
		t.Errorf("usage does not move: %+v %+v %+v", a, later, other)
	}
	if a.CPU <= 0 || a.CPU > 1 || a.MemBytes <= 0 || a.MemBytes > 512<<20 || a.DiskBytes <= 0 {
		t.Errorf("implausible: %+v", a)
	}
	if u := New(Options{}).Usage(); u.CPU != 0 || u.MemBytes != 0 {
		t.Errorf("a halted machine uses %+v", u)
	}
}

func TestExecBeforeBootAndWithADeadContext(t *testing.T) {
	m := New(Options{})
	if code := m.Exec(t.Context(), []string{"true"}, nil, nil, nil, nil); code != 255 {
		t.Errorf("exit %d", code)
	}
	if err := m.Boot(t.Context(), netip.MustParseAddr("10.0.0.1")); err == nil {
		t.Error("a machine booted on an address of the real network")
	}
	m = boot(t, Options{})
	var out bytes.Buffer
	if code := m.Exec(t.Context(), []string{"nosuch"}, nil, nil, &out, &out); code != 127 || out.String() != "nosuch: not found\n" {
		t.Errorf("exit %d, %q", code, out.String())
	}
}

// BenchmarkNewBootTenThousand: a cluster of 10,000 running machines has to start in less than two seconds.
func BenchmarkNewBootTenThousand(b *testing.B) {
	for b.Loop() {
		for i := range 10_000 {
			m := New(Options{Hostname: "g", Seed: int64(i)})
			if err := m.Boot(b.Context(), netip.AddrFrom4([4]byte{127, 30, byte(i >> 8), byte(i)})); err != nil {
				b.Fatal(err)
			}
			m.Usage()
		}
	}
}

func BenchmarkExec(b *testing.B) {
	m := New(Options{})
	if err := m.Boot(b.Context(), netip.MustParseAddr("127.30.0.1")); err != nil {
		b.Fatal(err)
	}
	defer m.Halt()
	for b.Loop() {
		m.Exec(b.Context(), []string{"sh", "-c", "cat /etc/hostname | wc -c"}, nil, nil, nil, nil)
	}
}

// A service on the host's network publishes nothing: what it listens on shows in its healthcheck.
func TestServiceOnTheHostsNetworkIsReached(t *testing.T) {
	m := ready(t, "alpine")
	compose(t, m, "media", `services:
  media:
    image: example/media:1.0
    network_mode: host
    healthcheck: {test: ["CMD", "curl", "-f", "http://localhost:32400/identity"], interval: 5s}
  other:
    image: example/other:1.0
    network_mode: host
    environment: {WEB_PORT: "8123"}`)
	must(t, m, "cd /opt/media && docker compose up -d --wait")
	must(t, m, "wget -q -O /dev/null http://127.0.0.1:32400/identity")
	must(t, m, "wget -q -O /dev/null http://127.0.0.1:8123/")
	if out := must(t, m, "netstat -tln"); !strings.Contains(out, ":32400") || !strings.Contains(out, ":8123") {
		t.Errorf("netstat says %q", out)
	}
	must(t, m, "cd /opt/media && docker compose stop")
	if _, code := sh(t, m, "wget -q -O /dev/null http://127.0.0.1:32400/identity"); code == 0 {
		t.Error("it answers when it is stopped")
	}
}

// Ports that are for TLS by custom speak it, with a certificate nobody has signed.
func TestSecurePortSpeaksTLS(t *testing.T) {
	for _, system := range []string{"alpine", "debian"} {
		m := ready(t, system)
		compose(t, m, "panel", `services:
  panel: {image: example/panel:1.0, ports: ["9443:9443", "9000:9000"], healthcheck: {test: ["CMD", "true"], interval: 1s}}
  plain: {image: example/plain:1.0, ports: ["8443:8443"], healthcheck: {test: ["CMD", "curl", "http://127.0.0.1:8443/health"], interval: 1s}}`)
		must(t, m, "cd /opt/panel && docker compose up -d --wait")
		for line, ok := range map[string]bool{
			"wget -q --no-check-certificate -O /dev/null https://127.0.0.1:9443/": true,
			"wget -q -O /dev/null https://127.0.0.1:9443/":                        false,
			"wget -q -O /dev/null http://127.0.0.1:9443/":                         false,
			"wget -q -O /dev/null http://127.0.0.1:9000/":                         true,
			"wget -q -O /dev/null http://127.0.0.1:8443/":                         true,
			"wget -q --no-check-certificate -O /dev/null https://127.0.0.1:9000/": false,
		} {
			if _, code := sh(t, m, line); (code == 0) != ok {
				t.Errorf("%s: %s ends with %d", system, line, code)
			}
		}
		client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
		res, err := client.Get("https://" + netip.AddrPortFrom(m.addr(), 9443).String())
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != 200 {
			t.Errorf("%s: %s", system, res.Status)
		}
	}
}
