package pve

import (
	"errors"
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

	// Writing one file forgets none of the others.
	if _, err := c.PutFiles(testContext(t), "pve1", 100, dir, []File{always("alone", 0o644, "x")}); err != nil {
		t.Fatal(err)
	}
	put("four", "never/edited alone, never/left alone, if-unchanged/edited alone")
	holds(map[string]string{"if-unchanged/left alone": "four"})

	// A file nobody remembers writing is somebody's.
	os.Remove(filepath.Join(dir, ".written"))
	put("five", "never/edited alone, never/left alone, if-unchanged/edited alone, if-unchanged/left alone")
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
