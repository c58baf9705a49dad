package pve

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const rawLine = "lxc.apparmor.profile: unconfined"

func TestAppendRawConfig(t *testing.T) {
	for name, tt := range map[string]struct{ before, after string }{
		"plain":              {"arch: amd64\nhostname: web\n", "arch: amd64\nhostname: web\n" + rawLine + "\n"},
		"no end of line":     {"arch: amd64", "arch: amd64\n" + rawLine + "\n"},
		"snapshots":          {"arch: amd64\n\n[before]\narch: amd64\nsnaptime: 1\n", "arch: amd64\n" + rawLine + "\n\n[before]\narch: amd64\nsnaptime: 1\n"},
		"there already":      {"arch: amd64\n" + rawLine + "\n\n[before]\nx: y\n", "arch: amd64\n" + rawLine + "\n\n[before]\nx: y\n"},
		"in a snapshot only": {"arch: amd64\n\n[before]\n" + rawLine + "\n", "arch: amd64\n" + rawLine + "\n\n[before]\n" + rawLine + "\n"},
	} {
		t.Run(name, func(t *testing.T) {
			n := newFakeNode(t)
			file := filepath.Join(n.pve, "100.conf")
			os.WriteFile(file, []byte(tt.before), 0o640)
			c := n.client(t, SSHConfig{})
			for range 2 {
				if err := c.AppendRawConfig(testContext(t), "pve1", 100, []string{rawLine}); err != nil {
					t.Fatal(err)
				}
				if got, _ := os.ReadFile(file); string(got) != tt.after {
					t.Errorf("got\n%q\nwant\n%q", got, tt.after)
				}
			}
			if all, _ := os.ReadDir(n.pve); len(all) != 1 {
				t.Errorf("left behind: %v", all)
			}
		})
	}
}

func TestAppendRawConfigRefuses(t *testing.T) {
	n := newFakeNode(t)
	c := n.client(t, SSHConfig{})
	for _, line := range []string{"", "arch: amd64", "lxc.x", "lxc.a: b\nmemory: 1", "[snap]"} {
		if err := c.AppendRawConfig(testContext(t), "pve1", 100, []string{line}); !errors.Is(err, ErrParameter) {
			t.Errorf("%q: %v", line, err)
		}
	}
	if err := c.AppendRawConfig(testContext(t), "pve1", 999, []string{rawLine}); !errors.Is(err, ErrNotFound) {
		t.Errorf("no such container: %v", err)
	}
}

func TestAConfigurationThatChangedMeanwhileIsNotOverwritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "100.conf")
	os.WriteFile(file, []byte("changed\n"), 0o640)
	cmd := exec.Command("/bin/sh", "-s")
	cmd.Stdin = strings.NewReader(replaceScript(file, "as it was\n", "as we want it\n"))
	var exit *exec.ExitError
	if err := cmd.Run(); !errors.As(err, &exit) || exit.ExitCode() != exitChanged {
		t.Errorf("got %v", err)
	}
	if got, _ := os.ReadFile(file); string(got) != "changed\n" {
		t.Errorf("got %q", got)
	}
}

func FuzzQuote(f *testing.F) {
	for _, s := range []string{"", "plain", "it's", "$HOME `id` \\ \"", "a\nb", "'''", "-n", "*"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if strings.Contains(s, "\x00") {
			return // no argument can hold it
		}
		out, err := exec.Command("/bin/sh", "-c", "printf %s "+Quote(s)).Output()
		if err != nil || string(out) != s {
			t.Errorf("%q came out as %q, %v", s, out, err)
		}
	})
}

func TestAnOutputThatCannotBeWrittenIsReported(t *testing.T) {
	c := newFakeNode(t).client(t, SSHConfig{})
	r, w := io.Pipe()
	r.CloseWithError(errors.New("log is full"))
	exit, err := c.Exec(testContext(t), "pve1", 100, "echo a; echo b; exit 3", w)
	if exit != 3 || err == nil || !strings.Contains(err.Error(), "log is full") {
		t.Errorf("got %d, %v", exit, err)
	}
}
