package pve

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestPutWritesExactlyTheseBytes(t *testing.T) {
	n := newFakeNode(t)
	c := n.client(t, SSHConfig{})
	noise := make([]byte, 300_000)
	for i := range noise {
		noise[i] = byte(rand.Uint32())
	}
	for name, content := range map[string][]byte{
		"nothing":    {},
		"text":       []byte("A=1\nB='$x' \"y\" `z`\n"),
		"no newline": []byte("x"),
		"delimiter":  []byte("PROXIMITY\nCONTENT\nFILE\n"),
		"binary":     {0, 1, 0xff, '\r', '\n', 0},
		"large":      noise,
	} {
		dir := t.TempDir()
		for _, file := range []string{"plain", "deep/er/file", "with space", "it's", "$HOME", "-n", "a;rm -rf b", "`id`", "ümlaut", "*"} {
			full := filepath.Join(dir, file)
			if err := c.Put(testContext(t), "pve1", 100, full, 0o640, content); err != nil {
				t.Fatalf("%s, %s: %v", name, file, err)
			}
			got, err := os.ReadFile(full)
			if err != nil || !bytes.Equal(got, content) {
				t.Errorf("%s, %s: %d bytes, %v; want %d", name, file, len(got), err, len(content))
			}
			if info, _ := os.Stat(full); info.Mode().Perm() != 0o640 {
				t.Errorf("%s, %s: mode is %v", name, file, info.Mode())
			}
			if name == "large" {
				break
			}
		}
		left, _ := filepath.Glob(filepath.Join(dir, ".*"))
		if len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}
	for _, line := range n.ran() {
		if line != "pct exec 100 --keep-env 0 -- sh -s" {
			t.Errorf("ran %q", line)
		}
	}
}

func TestPutReplacesAFileAndLeavesItOnFailure(t *testing.T) {
	n := newFakeNode(t)
	c := n.client(t, SSHConfig{})
	dir := t.TempDir()
	file := filepath.Join(dir, ".env")
	os.WriteFile(file, []byte("old"), 0o644)
	if err := c.Put(testContext(t), "pve1", 100, file, 0o600, []byte("new")); err != nil {
		t.Fatal(err)
	}
	got, _ := os.ReadFile(file)
	if info, _ := os.Stat(file); string(got) != "new" || info.Mode().Perm() != 0o600 {
		t.Errorf("got %q, %v", got, info.Mode())
	}
	if err := c.Put(testContext(t), "pve1", 100, dir, 0o600, []byte("x")); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "is a directory") {
		t.Errorf("onto a folder: %v", err)
	}
	if err := c.Put(testContext(t), "pve1", 100, file+"/below", 0o600, []byte("x")); err == nil {
		t.Error("below a file: no error")
	}
	if got, _ := os.ReadFile(file); string(got) != "new" {
		t.Errorf("after failures: %q", got)
	}
}

func TestPutRefusesWhatIsNoFile(t *testing.T) {
	n := newFakeNode(t)
	c := n.client(t, SSHConfig{})
	for _, path := range []string{"", "/", "relative", "/a/../b", "/a/", "/a\nb", "/a\x00b"} {
		if err := c.Put(testContext(t), "pve1", 100, path, 0o600, nil); !errors.Is(err, ErrParameter) {
			t.Errorf("%q: %v", path, err)
		}
	}
	if err := c.Put(testContext(t), "pve1", 201, "/tmp/x", 0o600, nil); !errors.Is(err, ErrNotRunning) || !strings.HasPrefix(err.Error(), "write /tmp/x in CT 201 on pve1: ") {
		t.Errorf("stopped: %v", err)
	}
	if ran := n.ran(); len(ran) != 1 {
		t.Errorf("ran %v", ran)
	}
}

// A disk that fills up half-way leaves the old file, and nothing of the new one.
func TestPutThatFailsLeavesNothingBehind(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "it's a dir")
	os.Mkdir(dir, 0o755)
	file := filepath.Join(dir, "it's")
	os.WriteFile(file, []byte("old"), 0o600)
	script := strings.Replace(putScript(file, 0o600, []byte("new")), "base64 -d", "base64 --no-such-option", 1)
	cmd := exec.Command("/bin/sh", "-s")
	cmd.Stdin = strings.NewReader(wrap("marker", script))
	if err := cmd.Run(); err == nil {
		t.Fatal("the script did not fail")
	}
	if got, _ := os.ReadFile(file); string(got) != "old" {
		t.Errorf("got %q", got)
	}
	if all, _ := os.ReadDir(dir); len(all) != 1 {
		t.Errorf("left behind: %v", all)
	}
}

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
