package pve

import (
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// always is a file that is written whatever is there.
func always(file string, mode os.FileMode, content string) File {
	return File{Path: file, Mode: mode, Content: []byte(content), Overwrite: "always"}
}

func TestPutFilesWritesExactlyTheseBytes(t *testing.T) {
	n := newFakeNode(t)
	c := n.client(t, SSHConfig{})
	noise := make([]byte, 300_000)
	for i := range noise {
		noise[i] = byte(rand.Uint32())
	}
	for name, content := range map[string]string{
		"nothing":    "",
		"text":       "A=1\nB='$x' \"y\" `z`\n",
		"no newline": "x",
		"delimiter":  "PROXIMITY\n@FILES@\n@DIR@\n",
		"binary":     "\x00\x01\xff\r\n\x00",
		"large":      string(noise),
	} {
		dir := filepath.Join(t.TempDir(), "it's", "new")
		var files []File
		for _, file := range []string{"plain", "deep/er/file", "with space", "it's", "$HOME", "-n", "a;rm -rf b", "`id`", "ümlaut", "*", "back\\slash"} {
			files = append(files, always(file, 0o640, content))
			if name == "large" {
				break
			}
		}
		for range 2 {
			if kept, err := c.PutFiles(testContext(t), "pve1", 100, dir, files); err != nil || kept != nil {
				t.Fatalf("%s: %v %v", name, kept, err)
			}
		}
		for _, f := range files {
			full := filepath.Join(dir, f.Path)
			got, err := os.ReadFile(full)
			if err != nil || string(got) != content {
				t.Errorf("%s, %s: %d bytes, %v; want %d", name, f.Path, len(got), err, len(content))
			}
			if info, _ := os.Stat(full); info.Mode().Perm() != 0o640 {
				t.Errorf("%s, %s: mode is %v", name, f.Path, info.Mode())
			}
		}
		left, _ := filepath.Glob(filepath.Join(dir, ".*"))
		if len(left) != 1 || filepath.Base(left[0]) != ".written" {
			t.Errorf("left behind: %v", left)
		}
	}
	ran := n.ran()
	if len(ran) != 12 {
		t.Errorf("%d calls for 12 times all files", len(ran))
	}
	for _, line := range ran {
		if line != "pct exec 100 --keep-env 0 -- sh -s" {
			t.Errorf("ran %q", line)
		}
	}
}

// A person edits files inside a container; the app is updated twice.
func TestPutFilesKeepsWhatItMustNotOverwrite(t *testing.T) {
	c := newFakeNode(t).client(t, SSHConfig{})
	dir := t.TempDir()
	files := func(content string) []File {
		var all []File
		for _, rule := range []string{"always", "never", "if-unchanged"} {
			for _, who := range []string{"edited", "left"} {
				all = append(all, File{Path: rule + "/" + who + " alone", Mode: 0o644, Content: []byte(content), Overwrite: rule})
			}
		}
		return all
	}
	put := func(content, want string) {
		t.Helper()
		kept, err := c.PutFiles(testContext(t), "pve1", 100, dir, files(content))
		if err != nil || strings.Join(kept, ", ") != want {
			t.Errorf("kept %q, %v; want %q", kept, err, want)
		}
	}
	holds := func(want map[string]string) {
		t.Helper()
		for file, content := range want {
			if got, _ := os.ReadFile(filepath.Join(dir, file)); string(got) != content {
				t.Errorf("%s holds %q, want %q", file, got, content)
			}
		}
	}
	put("one", "")
	put("one", "")
	for _, f := range files("") {
		if strings.Contains(f.Path, "edited") {
			os.WriteFile(filepath.Join(dir, f.Path), []byte("mine"), 0o644)
		}
	}
	for _, content := range []string{"two", "three"} {
		put(content, "never/edited alone, never/left alone, if-unchanged/edited alone")
		holds(map[string]string{"always/edited alone": content, "always/left alone": content, "never/edited alone": "mine", "never/left alone": "one", "if-unchanged/edited alone": "mine", "if-unchanged/left alone": content})
	}
	os.Remove(filepath.Join(dir, "never/edited alone"))
	put("three", "never/left alone, if-unchanged/edited alone")
	holds(map[string]string{"never/edited alone": "three"})

	// A file nobody remembers writing is somebody's.
	os.Remove(filepath.Join(dir, ".written"))
	put("four", "never/edited alone, never/left alone, if-unchanged/edited alone, if-unchanged/left alone")
}

func TestPutFilesReplacesAFileAndLeavesItOnFailure(t *testing.T) {
	n := newFakeNode(t)
	c := n.client(t, SSHConfig{})
	dir := t.TempDir()
	file := filepath.Join(dir, ".env")
	os.WriteFile(file, []byte("old"), 0o644)
	os.Mkdir(filepath.Join(dir, "folder"), 0o755)
	if _, err := c.PutFiles(testContext(t), "pve1", 100, dir, []File{always(".env", 0o600, "new")}); err != nil {
		t.Fatal(err)
	}
	got, _ := os.ReadFile(file)
	if info, _ := os.Stat(file); string(got) != "new" || info.Mode().Perm() != 0o600 {
		t.Errorf("got %q, %v", got, info.Mode())
	}
	if _, err := c.PutFiles(testContext(t), "pve1", 100, dir, []File{always("folder", 0o600, "x")}); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "is a directory") {
		t.Errorf("onto a folder: %v", err)
	}
	if _, err := c.PutFiles(testContext(t), "pve1", 100, dir, []File{always(".env/below", 0o600, "x")}); err == nil {
		t.Error("below a file: no error")
	}
	if got, _ := os.ReadFile(file); string(got) != "new" {
		t.Errorf("after failures: %q", got)
	}
}

func TestPutFilesRefusesWhatLiesOutside(t *testing.T) {
	n := newFakeNode(t)
	c := n.client(t, SSHConfig{})
	for _, dir := range []string{"", "relative", "/a/../b", "/a/", "/a\nb"} {
		if _, err := c.PutFiles(testContext(t), "pve1", 100, dir, nil); !errors.Is(err, ErrParameter) {
			t.Errorf("%q: %v", dir, err)
		}
	}
	for _, file := range []string{"", ".", "..", "/etc/passwd", "../x", "a/../../x", "a/", "a\nb", "a\x00b", " a", "a "} {
		if _, err := c.PutFiles(testContext(t), "pve1", 100, "/tmp", []File{always(file, 0o600, "")}); !errors.Is(err, ErrParameter) {
			t.Errorf("%q: %v", file, err)
		}
	}
	if _, err := c.PutFiles(testContext(t), "pve1", 201, "/tmp", nil); !errors.Is(err, ErrNotRunning) || !strings.HasPrefix(err.Error(), "write files to /tmp in CT 201 on pve1: ") {
		t.Errorf("stopped: %v", err)
	}
	if ran := n.ran(); len(ran) != 1 {
		t.Errorf("ran %v", ran)
	}
}

// A disk that fills up half-way leaves the old file, and nothing of the new one.
func TestPutFilesThatFailsLeavesNothingBehind(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "it's a dir")
	os.Mkdir(dir, 0o755)
	file := filepath.Join(dir, "it's")
	os.WriteFile(file, []byte("old"), 0o600)
	script := strings.Replace(filled(dir, []File{always("it's", 0o600, "new")}), "base64 -d", "base64 --no-such-option", 1)
	cmd := exec.Command("/bin/sh", "-s")
	cmd.Stdin = strings.NewReader(wrap("marker", script))
	if err := cmd.Run(); err == nil {
		t.Fatal("the script did not fail")
	}
	if got, _ := os.ReadFile(file); string(got) != "old" {
		t.Errorf("got %q", got)
	}
	if all, _ := os.ReadDir(dir); len(all) != 2 { // and .written, which remembers nothing
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
