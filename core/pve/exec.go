package pve

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// ErrDetach, as the cause a context is cancelled with (context.WithCancelCause), makes Exec leave its
// script running in the container. Any other end of the context ends the script.
var ErrDetach = errors.New("leave the script running")

// Quote makes s one word of a POSIX shell.
func Quote(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'"'"'`) + "'" // not '\'': some shells' assignments keep that backslash
}

// pct is the one form of command we send to a node, so that a forced command can allow exactly this. The
// script comes on stdin: nothing of it passes a command line. Proxmox: pct exec costs 0.8 s a call, so
// send one script, not ten; without --keep-env 0 the node's environment leaks in.
func (c *Client) pct(vmid int) string {
	return c.asRoot("pct exec " + strconv.Itoa(vmid) + " --keep-env 0 -- sh -s")
}

func (c *Client) asRoot(line string) string {
	if c.config.SSH.User != "root" {
		return "sudo -n " + line
	}
	return line
}

// Exec runs a shell script as root inside a running container and returns its exit code. What it prints,
// on stdout and stderr, goes to out as it comes, written from one goroutine at a time; the script's own
// stdin is empty. The container must be on node.
//
// The error is not nil only when the script could not be run or its end not be seen: ErrNoSSH,
// ErrUnreachable, ErrAuth, ErrHostKey, ErrNotRunning, ErrNotFound, …. When ctx ends, the script and its
// children are ended, too, as far as the node can still be reached (see ErrDetach). A connection that
// breaks does not end the script.
func (c *Client) Exec(ctx context.Context, node string, vmid int, script string, out io.Writer) (exit int, err error) {
	name := request{op: "run a script in CT", node: node, vmid: vmid}
	marker := "proximity-" + rand.Text()
	started := &markerWriter{marker: []byte(marker + " "), out: out, begun: make(chan struct{})}
	exit, err = c.run(ctx, node, command{
		line:   c.pct(vmid),
		stdin:  strings.NewReader(wrap(marker, script)),
		stdout: started,
		stderr: started.errors(),
		cancelled: func(conn *ssh.Client) {
			if errors.Is(context.Cause(ctx), ErrDetach) {
				return
			}
			select { // pct may have got the script and not yet begun it
			case <-started.begun:
				c.endScript(conn, vmid, started.pid())
			case <-time.After(pctStart):
			}
		},
	})
	if e := asError(ctx, err); e != nil {
		return 0, name.explain(e)
	}
	if started.pid() == "" {
		return 0, name.explain(notStarted(exit, started.held()))
	}
	return exit, started.err
}

// wrap makes the script tell that it runs, and under which pid, before it does anything else: this tells
// pct's own exit codes from the script's. The braces make the shell read it all before the first command,
// which could otherwise swallow the rest of it as its input.
func wrap(marker, script string) string {
	return "echo '" + marker + "' $$\n{\n" + script + "\n} </dev/null\n"
}

// endScript ends a script's whole tree of processes from within the container: TERM, and KILL for what is
// left after 3 s. Closing the session alone does not: Proxmox: lxc-attach's child goes on.
func (c *Client) endScript(conn *ssh.Client, vmid int, pid string) {
	if n, err := strconv.Atoi(pid); err != nil || n < 2 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	session, err := openSession(ctx, conn)
	if err != nil {
		return
	}
	session.Stdin = strings.NewReader(`walk() {
	echo "$1"
	for child in $(cat /proc/"$1"/task/*/children 2>/dev/null); do walk "$child"; done
}
left() {
	for process in $all; do
		kill -0 "$process" 2>/dev/null && ! grep -q '^State:.Z' /proc/"$process"/status 2>/dev/null && return 0
	done
	return 1
}
all=$(walk ` + pid + `)
kill -TERM $all 2>/dev/null
n=0
while [ $n -lt 30 ] && left; do sleep 0.1; n=$((n + 1)); done
kill -KILL $all 2>/dev/null
`)
	done := make(chan struct{})
	go func() { // ends with the session or the connection
		defer close(done)
		session.Run(c.pct(vmid)) // it is ended or it is not: there is nobody to tell
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
	session.Close()
}

// notStarted names why pct did not get as far as the script.
func notStarted(exit int, said string) *Error {
	said = strings.TrimSpace(said)
	e := &Error{Kind: kindOfText(said), Message: said}
	switch {
	case strings.HasPrefix(said, "400 Parameter verification failed"):
		e.Kind = ErrParameter
	case strings.Contains(said, "sudo: "), strings.Contains(said, "ermission denied"):
		e.Kind = ErrPermission
	case exit == 127 || strings.Contains(said, `Failed to exec "sh"`):
		e.Kind = ErrUnsupported
	}
	if e.Kind == nil {
		e.Kind = ErrRefused
	}
	if e.Message == "" {
		e.Message = fmt.Sprintf("the node ran no script and said nothing (exit code %d)", exit)
	}
	return e
}

// AppendRawConfig adds lines ("lxc.apparmor.profile: unconfined") to a container's configuration on the
// node, those that are not there yet. No API call can: Proxmox takes raw lxc.* keys from root on the node
// only. The container has to be restarted for them to count. ErrChanged when the configuration was changed
// in the very moment: try again.
func (c *Client) AppendRawConfig(ctx context.Context, node string, vmid int, lines []string) error {
	name := request{op: "extend the configuration of CT", node: node, vmid: vmid}
	for _, l := range lines {
		if key, _, ok := strings.Cut(l, ":"); !ok || !strings.HasPrefix(key, "lxc.") || strings.ContainsAny(l, "\r\n\x00") {
			return name.explain(&Error{Kind: ErrParameter, Message: fmt.Sprintf("%q is not a line like \"lxc.key: value\"", l)})
		}
	}
	file := fmt.Sprintf("/etc/pve/lxc/%d.conf", vmid)
	config, err := c.onNode(ctx, name, "cat "+file+"\n")
	if err != nil {
		return err
	}
	extended, changed := addToMain(config, lines)
	if !changed {
		return nil
	}
	_, err = c.onNode(ctx, name, replaceScript(file, config, extended))
	return err
}

// onNode runs a script on the node itself and returns what it printed.
func (c *Client) onNode(ctx context.Context, name request, script string) (string, error) {
	var out, failed bytes.Buffer
	exit, err := c.run(ctx, name.node, command{line: c.asRoot("sh -s"), stdin: strings.NewReader(script), stdout: &out, stderr: &failed})
	if e := asError(ctx, err); e != nil {
		return "", name.explain(e)
	}
	text := strings.TrimSpace(failed.String())
	switch {
	case exit == 0:
		return out.String(), nil
	case exit == exitChanged:
		return "", name.explain(&Error{Kind: ErrChanged, Message: "its configuration was changed meanwhile"})
	case strings.Contains(text, "No such file"):
		return "", name.explain(&Error{Kind: ErrNotFound, Message: text})
	}
	return "", name.explain(notStarted(exit, text))
}

// addToMain inserts lines at the end of the main section. Proxmox: the sections below it are snapshots;
// what is appended to the file's end would belong to the last of them.
func addToMain(config string, lines []string) (string, bool) {
	var main, rest []string
	for l := range strings.Lines(config) {
		if len(rest) > 0 || strings.HasPrefix(l, "[") {
			rest = append(rest, l)
			continue
		}
		main = append(main, strings.TrimSuffix(l, "\n"))
	}
	blank := 0
	for len(main) > 0 && main[len(main)-1] == "" {
		main, blank = main[:len(main)-1], blank+1
	}
	there := make(map[string]bool, len(main))
	for _, l := range main {
		there[strings.TrimSpace(l)] = true
	}
	changed := false
	for _, l := range lines {
		if l = strings.TrimSpace(l); !there[l] {
			main, changed = append(main, l), true
			there[l] = true
		}
	}
	if len(rest) > 0 {
		blank = max(1, blank)
	}
	return strings.Join(main, "\n") + "\n" + strings.Repeat("\n", blank) + strings.Join(rest, ""), changed
}

// markerWriter holds back what comes before the marker line, takes that line out, and passes on the rest.
type markerWriter struct {
	marker []byte
	out    io.Writer

	mu    sync.Mutex
	first []byte        // of stdout, until the marker has come
	early []byte        // of stderr, until then
	id    string        // what follows the marker: the script's pid
	err   error         // of out
	begun chan struct{} // closed when the marker has come
}

// pctStart is how long pct may take from getting a script to running it. Proxmox: 0.5 to 0.8 s.
const pctStart = 5 * time.Second

const maxHeld = 64 << 10 // bytes: no marker comes after so much

func (w *markerWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.id != "" {
		w.pass(p)
		return len(p), nil
	}
	w.first = append(w.first, p...)
	at := bytes.Index(w.first, w.marker)
	if at < 0 {
		w.first = w.first[:min(len(w.first), maxHeld)]
		return len(p), nil
	}
	id, rest, whole := bytes.Cut(w.first[at+len(w.marker):], []byte("\n"))
	if !whole {
		return len(p), nil
	}
	if w.id = strings.TrimSpace(string(id)); w.id == "" {
		w.id = "unknown"
	}
	close(w.begun)
	w.pass(w.first[:at])
	w.pass(w.early)
	w.pass(rest)
	w.first, w.early = nil, nil
	return len(p), nil
}

// pass hands on to out. When out fails the script is not to be stopped by it: the rest is dropped.
func (w *markerWriter) pass(p []byte) {
	if len(p) > 0 && w.err == nil {
		_, w.err = w.out.Write(p)
	}
}

// errors is the writer for stderr.
func (w *markerWriter) errors() io.Writer { return writerFunc(w.writeError) }

func (w *markerWriter) writeError(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.id != "" {
		w.pass(p)
		return len(p), nil
	}
	w.early = append(w.early, p...)
	w.early = w.early[:min(len(w.early), maxHeld)]
	return len(p), nil
}

func (w *markerWriter) pid() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.id
}

func (w *markerWriter) held() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return string(w.early) + string(w.first)
}

// encoded is content as the lines of a here-document.
func encoded(content []byte) string {
	text := base64.StdEncoding.EncodeToString(content)
	var s strings.Builder
	for len(text) > 76 {
		s.WriteString(text[:76] + "\n")
		text = text[76:]
	}
	return s.String() + text
}
