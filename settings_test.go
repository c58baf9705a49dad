package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"proximity/core"
	"proximity/keys"
)

// environment is a program's variables.
func environment(vars map[string]string) func(string) string {
	return func(name string) string { return vars[name] }
}

func TestVariablesStandInForFlags(t *testing.T) {
	for _, c := range []struct {
		args []string
		vars map[string]string
		want string
		fail string
	}{
		{nil, nil, ":2222 info 0", ""},
		{nil, map[string]string{"PROXIMITY_SSH": ":22", "PROXIMITY_LOG_LEVEL": "debug", "PROXIMITY_COUNT": "3"}, ":22 debug 3", ""},
		{[]string{"--ssh", ":1"}, map[string]string{"PROXIMITY_SSH": ":22"}, ":1 info 0", ""},
		{nil, map[string]string{"PROXIMITY_COUNT": "many"}, "", "PROXIMITY_COUNT: "},
	} {
		f := pflag.NewFlagSet("x", pflag.ContinueOnError)
		ssh, level, count := f.String("ssh", ":2222", ""), f.String("log-level", "info", ""), f.Int("count", 0, "")
		if err := f.Parse(c.args); err != nil {
			t.Fatal(err)
		}
		err := fromEnvironment(f, environment(c.vars))
		if c.fail != "" {
			if err == nil || !strings.Contains(err.Error(), c.fail) {
				t.Errorf("%v: %v, want %s", c.vars, err, c.fail)
			}
			continue
		}
		if got := *ssh + " " + *level + " " + string(rune('0'+*count)); err != nil || got != c.want {
			t.Errorf("%v %v: %s, %v; want %s", c.args, c.vars, got, err, c.want)
		}
	}
}

func TestDataFolder(t *testing.T) {
	byDefault := "/home/ann/data/proximity"
	if os.Geteuid() == 0 {
		byDefault = "/var/lib/proximity"
	}
	for _, c := range []struct{ flag, variable, want string }{
		{"", "", byDefault},
		{"", "/srv/px", "/srv/px"},
		{"/srv/flag", "/srv/px", "/srv/flag"},
	} {
		p := program{data: c.flag, getenv: environment(map[string]string{"PROXIMITY_DATA": c.variable, "XDG_DATA_HOME": "/home/ann/data"})}
		if got, err := p.dataFolder(); err != nil || got != c.want {
			t.Errorf("--data %q, PROXIMITY_DATA %q: %s, %v; want %s", c.flag, c.variable, got, err, c.want)
		}
	}
	if _, err := socketIn("/" + strings.Repeat("x", 120)); err == nil || !strings.Contains(err.Error(), "too long for a socket") {
		t.Errorf("a path no socket can have: %v", err)
	}
}

func TestWhoMayLogInFirst(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("HOME", dir)
	mk := func(name string) string {
		k, err := keys.WriteClientKey(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return k.Line
	}
	given, other, own := mk("given"), mk("other"), mk("own")
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	file := write("file.pub", given+"\n"+other+"\n")
	write(".ssh/id_ed25519.pub", own+"\n")
	write(".ssh/broken.pub", "ssh-rsa AAAA oops\n")
	private := filepath.Join(dir, "given")
	empty := write("empty.pub", "\n")

	for _, c := range []struct {
		name  string
		flags []string
		env   string
		first bool
		want  []string
		fail  string
	}{
		{"own keys at the first start", nil, "", true, []string{own}, ""},
		{"and never again", nil, "", false, nil, ""},
		{"a file", []string{file}, "", true, []string{given, other}, ""},
		{"a key", []string{given}, other, false, []string{given}, ""},
		{"the variable", nil, given + "\n" + file + "\n", true, []string{given, given, other}, ""},
		{"no such file", []string{filepath.Join(dir, "none")}, "", true, nil, "no such file"},
		{"a private key", []string{private}, "", true, nil, "private"},
		{"nothing in it", []string{empty}, "", true, nil, "holds no key"},
	} {
		p := program{getenv: environment(map[string]string{"PROXIMITY_ADMIN_KEYS": c.env})}
		got, err := p.adminKeys(c.flags, c.first, slog.New(slog.DiscardHandler))
		if c.fail != "" {
			if err == nil || !strings.Contains(err.Error(), c.fail) {
				t.Errorf("%s: %v, want %q", c.name, err, c.fail)
			}
			continue
		}
		if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
			t.Errorf("%s: %v %s", c.name, err, diff)
		}
	}
}

func TestEarlierVariablesNameAHost(t *testing.T) {
	for _, c := range []struct {
		vars map[string]string
		want core.AddHostRequest
	}{
		{map[string]string{"PROXMOX_HOST": "10.0.0.1", "PROXMOX_PASSWORD": "s"},
			core.AddHostRequest{Name: "proxmox", URL: "10.0.0.1", User: "root@pam", Password: "s", Trust: true}},
		{map[string]string{"PROXMOX_HOST": "pve.example.org", "PROXMOX_PORT": "443", "PROXMOX_USER": "px@pve", "PROXMOX_PASSWORD": "s", "PROXMOX_VERIFY_SSL": "true"},
			core.AddHostRequest{Name: "proxmox", URL: "pve.example.org:443", User: "px@pve", Password: "s"}},
		{map[string]string{"PROXMOX_HOST": "[fd00::1]", "PROXMOX_PORT": "8007", "PROXMOX_FINGERPRINT": "AA:BB"},
			core.AddHostRequest{Name: "proxmox", URL: "[fd00::1]:8007", User: "root@pam", Fingerprint: "AA:BB"}},
		{map[string]string{"PROXMOX_HOST": "https://10.0.0.1:8006", "PROXMOX_PORT": "1", "PROXMOX_VERIFY_SSL": "0"},
			core.AddHostRequest{Name: "proxmox", URL: "https://10.0.0.1:8006", User: "root@pam", Trust: true}},
	} {
		got, ok := earlierRequest(environment(c.vars))
		if diff := cmp.Diff(c.want, got); !ok || diff != "" {
			t.Errorf("%v: %t %s", c.vars, ok, diff)
		}
	}
	if _, ok := earlierRequest(environment(nil)); ok {
		t.Error("a host without PROXMOX_HOST")
	}
}

func TestSharedCommandsAreRecognised(t *testing.T) {
	for _, c := range []struct {
		line, rest, data string
		shared           bool
	}{
		{"apps", "apps", "", true},
		{"--json apps", "--json apps", "", true},
		{"--data d apps --json", "apps --json", "d", true},
		{"apps --data=d", "apps", "d", true},
		{"deploy x --hostname y -- --data z", "deploy x --hostname y -- --data z", "", true},
		{"catalog reload", "catalog reload", "", true},
		{"catalog --category new", "catalog --category new", "", true},
		{"catalog lint x", "catalog lint x", "", false},
		{"--data d catalog new x", "catalog new x", "d", false},
		{"apps --help", "apps --help", "", false},
		{"help apps", "help apps", "", false},
		{"serve --data d", "serve", "d", false},
		{"", "", "", false},
		{"--data d", "", "d", false},
		{"nonsense", "nonsense", "", false},
	} {
		l := parseLine(strings.Fields(c.line))
		if l.shared() != c.shared || strings.Join(l.rest, " ") != c.rest || l.data != c.data {
			t.Errorf("%q: %+v, shared %t", c.line, l, l.shared())
		}
	}
}
