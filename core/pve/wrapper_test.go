package pve

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// wrapped is the wrapper on a machine with a pct that only says what it was
// called with.
type wrapped struct {
	t      *testing.T
	dir    string
	script string
}

func newWrapped(t *testing.T) *wrapped {
	t.Helper()
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("there is no sh")
	}
	w := &wrapped{t: t, dir: t.TempDir()}
	script := Wrapper("0123abcd")
	for was, now := range map[string]string{"configs=/etc/pve/lxc": "configs=" + w.dir, "PATH=/usr/sbin:": "PATH=" + w.dir + ":/usr/sbin:"} {
		if !strings.Contains(script, was) {
			t.Fatalf("the script has no %q", was)
		}
		script = strings.Replace(script, was, now, 1)
	}
	w.script = filepath.Join(w.dir, "proximity-wrapper")
	w.write("proximity-wrapper", script, 0o755)
	w.write("pct", "#!/bin/sh\nif [ \"$1\" = list ]; then printf 'VMID       Status     Lock         Name\\n101        running                 ours\\n102        stopped                 theirs\\n'; exit; fi\n"+
		"echo \"pct:$#\"\nfor a in \"$@\"; do echo \"[$a]\"; done\ncat\n", 0o755)
	w.write("logger", "#!/bin/sh\n", 0o755)
	w.write("101.conf", "#Managed by Proximity\n#\n#proximity-installation%3A 0123abcd\n#proximity-app%3A gitea-1\narch: amd64\nhostname: ours\n", 0o640)
	w.write("102.conf", "#mine\narch: amd64\n\n[before]\n#proximity-installation%3A 0123abcd\narch: amd64\n", 0o640)
	w.write("103.conf", "#proximity-installation%3A 0123abcd9\n#proximity-installation%3A 0123\n#x proximity-installation%3A 0123abcd\narch: amd64\nhostname: #proximity-installation%3A 0123abcd\n", 0o640)
	w.write("104.conf", "#proximity-installation: 0123abcd", 0o640) // as some versions write it; no newline at the end
	return w
}

func (w *wrapped) write(name, text string, mode os.FileMode) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), mode); err != nil {
		w.t.Fatal(err)
	}
}

// asks is the answer to a command line that came over SSH.
func (w *wrapped) asks(command, stdin string) (out, errs string, exit int) {
	w.t.Helper()
	c := exec.Command("sh", w.script)
	c.Env = []string{"SSH_ORIGINAL_COMMAND=" + command, "ENV=" + filepath.Join(w.dir, "never"), "IFS=x"}
	c.Stdin = strings.NewReader(stdin)
	var o, e bytes.Buffer
	c.Stdout, c.Stderr = &o, &e
	err := c.Run()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		w.t.Fatal(err)
	}
	return o.String(), e.String(), c.ProcessState.ExitCode()
}

func TestTheWrapperLetsThroughWhatWeSend(t *testing.T) {
	w := newWrapped(t)
	c := &Client{config: Config{SSH: SSHConfig{User: "root"}}}
	for command, want := range map[string]string{
		c.pct(101):                                  "pct:7\n[exec]\n[101]\n[--keep-env]\n[0]\n[--]\n[sh]\n[-s]\nstdin",
		c.pct(104):                                  "pct:7\n[exec]\n[104]\n[--keep-env]\n[0]\n[--]\n[sh]\n[-s]\nstdin",
		c.asRoot("pct enter 101"):                   "pct:2\n[enter]\n[101]\nstdin",
		"pct push 101 /dev/stdin /root/file":        "pct:4\n[push]\n[101]\n[/dev/stdin]\n[/root/file]\nstdin",
		"pct set 101 --cores 2 --memory 1024":       "pct:6\n[set]\n[101]\n[--cores]\n[2]\n[--memory]\n[1024]\nstdin",
		"pct set 101 --features nesting=1,keyctl=1": "pct:4\n[set]\n[101]\n[--features]\n[nesting=1,keyctl=1]\nstdin",
		c.asRoot("pct list"):                        "VMID       Status     Lock         Name\n101        running                 ours\n",
	} {
		if out, errs, exit := w.asks(command, "stdin"); out != want || errs != "" || exit != 0 {
			t.Errorf("%s: %d\n%s%s", command, exit, out, errs)
		}
	}
}

func TestTheWrapperRefusesAllElse(t *testing.T) {
	w := newWrapped(t)
	for _, command := range []string{
		"", " ", "sh -s", "bash", "cat /etc/shadow", "pct", "pct  ", "/usr/sbin/pct list", "sudo -n pct list",
		// other containers, and numbers that are none
		"pct exec 102 --keep-env 0 -- sh -s", "pct exec 103 --keep-env 0 -- sh -s", "pct enter 102", "pct enter 0101", "pct enter -1", "pct enter 1e2", "pct enter ../101", "pct enter 1010000000",
		"pct push 102 /dev/stdin /root/file", "pct set 102 --cores 2",
		// other forms of what is allowed
		"pct exec 101 -- sh -s", "pct exec 101 --keep-env 1 -- sh -s", "pct exec 101 --keep-env 0 -- sh -s x", "pct exec 101 --keep-env 0 -- id", "pct enter", "pct enter 101 102", "pct list 101",
		"pct push 101 /etc/shadow /root/file", "pct push 101 /dev/stdin file", "pct push 101 /dev/stdin /root/file --user 0", "pct pull 101 /root/file /etc/passwd",
		"pct set 101", "pct set 101 --cores", "pct set 101 --cores x", "pct set 101 --mp0 /etc,mp=/mnt", "pct set 101 --rootfs local:0", "pct set 101 --hookscript local:snippets/x", "pct set 101 --unprivileged 0",
		"pct set 101 --features mount=nfs", "pct set 101 --features fuse=1,nesting=1", "pct set 101 --delete features", "pct set 101 --hostname -x", "pct set 101 cores 2", "pct set 101 --dev0 /dev/sda",
		"pct destroy 101", "pct stop 101", "pct start 101", "pct config 101", "pct restore 101 x", "pct unlock 101",
		// shell
		"pct enter 101; id", "pct enter 101 && id", "pct enter 101|id", "pct enter $(id)", "pct enter `id`", "pct enter 101 > /tmp/x", "pct enter 101 < /etc/shadow", "pct enter 101\nid", "pct enter 101\tid",
		"pct enter 101 # x", "pct enter 10*", "pct enter 10?", "pct enter [1]01", "pct enter ~", "pct enter \"101\"", "pct enter '101'", "pct enter 101\\", "pct enter {101,102}", "pct enter 101 !", "pct enter 101\x00", "pct enter 1\u00a001",
		"pct enter 101" + strings.Repeat(" ", 600),
	} {
		if strings.Contains(command, "\x00") {
			continue // no environment holds one
		}
		out, errs, exit := w.asks(command, "")
		if exit != 126 || out != "" || !strings.Contains(errs, "permission denied by proximity-wrapper") || strings.Contains(errs, "[") {
			t.Errorf("%q: exit %d, %q %q", command, exit, out, errs)
		}
	}
	if out, errs, exit := w.asks("pct enter 999", ""); exit != 2 || out != "" || kindOfText(errs) != ErrNotFound {
		t.Errorf("a container that is not there: %d %q %q", exit, out, errs)
	}
	if e := notStarted(126, "permission denied by proximity-wrapper: CT 102 does not belong to this installation\n"); !errors.Is(e.Kind, ErrPermission) {
		t.Errorf("its refusal is understood as %v", e.Kind)
	}
}
