// Package e2e tells the stories of people and scripts who use Proximity: the
// real binary, OpenSSH and a simulated cluster.
package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// patience is how long a story waits for what must come.
const patience = 90 * time.Second

// binary is the program under test, built once.
var binary string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "proximity-e2e")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "proximity")
	args := []string{"build", "-o", binary}
	if raceEnabled {
		args = append(args, "-race")
	}
	build := exec.Command("go", append(args, "..")...)
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "build the program:", err)
		return 1
	}
	return m.Run()
}

func TestStories(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               setup,
		Condition: func(name string) (bool, error) {
			if name == "ssh" {
				_, err := exec.LookPath("ssh")
				return err == nil, nil
			}
			return false, fmt.Errorf("unknown condition %q", name)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"serve": serve, "crash": crash, "hangup": hangup, "stop": stop, "exits": exits, "json": jsonAt, "take": take, "oneline": oneline, "fetch": fetch, "bearer": bearer, "until": until, "keygen": keygen,
		},
	})
}

// nextHost numbers the loopback addresses that stories publish their apps on.
var nextHost atomic.Uint32

// setup gives every story its own world: no variables of ours, a home, the
// binary on the path, and an address nobody else publishes on.
func setup(e *testscript.Env) error {
	home := filepath.Join(e.WorkDir, "home")
	if err := os.MkdirAll(home, 0o700); err != nil {
		return err
	}
	e.Setenv("HOME", home)
	e.Setenv("PATH", filepath.Dir(binary)+string(os.PathListSeparator)+e.Getenv("PATH"))
	e.Setenv("PUBLISH", fmt.Sprintf("127.%d.%d.%d", 240+os.Getpid()%14, 1+os.Getpid()/14%250, 1+nextHost.Add(1)%250))
	e.Setenv("TZ", "UTC")
	e.Values[serversKey{}] = map[string]*server{}
	e.Defer(func() {
		for _, s := range e.Values[serversKey{}].(map[string]*server) {
			_ = s.cmd.Process.Kill()
			<-s.done
		}
	})
	return nil
}

type serversKey struct{}

// server is a Proximity server of a story.
type server struct {
	cmd  *exec.Cmd
	err  *bytes.Buffer // read once done
	done chan struct{}
	exit error
}

func servers(ts *testscript.TestScript) map[string]*server {
	return ts.Value(serversKey{}).(map[string]*server)
}

// serve NAME ARG…: starts `proximity ARG…`, waits for its ready line, and sets
// $SSH_PORT, $HTTP, and the ssh configuration `-F p.cfg p`.
func serve(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: serve NAME ARG…")
	}
	s := &server{cmd: exec.Command(binary, args[1:]...), err: new(bytes.Buffer), done: make(chan struct{})}
	s.cmd.Dir = ts.MkAbs(".")
	s.cmd.Env = append(os.Environ(), "HOME="+ts.Getenv("HOME"), "TZ=UTC")
	for _, name := range []string{"PROXIMITY_DATA", "PROXIMITY_ADMIN_KEYS", "TESTING_MODE", "PROXMOX_HOST", "PROXMOX_USER", "PROXMOX_PASSWORD", "PROXMOX_FINGERPRINT", "PROXMOX_PORT"} {
		s.cmd.Env = append(s.cmd.Env, name+"="+ts.Getenv(name))
	}
	s.cmd.Stderr = s.err
	out, err := s.cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(s.cmd.Start())
	servers(ts)[args[0]] = s
	ready := make(chan string, 1)
	go func() {
		defer close(s.done)
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if rest, ok := strings.CutPrefix(lines.Text(), "ready "); ok {
				ready <- rest
			}
		}
		s.exit = s.cmd.Wait()
	}()
	select {
	case line := <-ready:
		announce(ts, line)
	case <-s.done:
		ts.Fatalf("%s ended before it was ready: %v\n%s", args[0], s.exit, s.err)
	case <-time.After(patience):
		ts.Fatalf("%s is not ready after %s", args[0], patience)
	}
}

// announce turns a ready line into variables and an ssh configuration.
func announce(ts *testscript.TestScript, line string) {
	for _, word := range strings.Fields(line) {
		k, v, _ := strings.Cut(word, "=")
		ts.Setenv(strings.ToUpper(k), v)
	}
	_, port, err := net.SplitHostPort(ts.Getenv("SSH"))
	if err != nil {
		return // the simulated cluster alone
	}
	ts.Setenv("SSH_PORT", port)
	configure(ts, "p", ts.Getenv("KEY"))
}

// crash NAME: kill -9.
func crash(ts *testscript.TestScript, neg bool, args []string) {
	s := servers(ts)[args[0]]
	ts.Check(s.cmd.Process.Kill())
	<-s.done
	delete(servers(ts), args[0])
}

// hangup NAME: SIGHUP.
func hangup(ts *testscript.TestScript, neg bool, args []string) {
	ts.Check(servers(ts)[args[0]].cmd.Process.Signal(syscall.SIGHUP))
}

// stop NAME: SIGTERM; the server must end well within ten seconds. What it
// said beside the ready line is then in NAME.err.
func stop(ts *testscript.TestScript, neg bool, args []string) {
	s := servers(ts)[args[0]]
	ts.Check(s.cmd.Process.Signal(syscall.SIGTERM))
	select {
	case <-s.done:
	case <-time.After(10*time.Second + raceSlack):
		ts.Fatalf("%s has not ended 10 s after SIGTERM", args[0])
	}
	delete(servers(ts), args[0])
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".err"), s.err.Bytes(), 0o600))
	if s.exit != nil {
		ts.Fatalf("%s ended with %v\n%s", args[0], s.exit, s.err)
	}
}

// exits CODE COMMAND ARG…: runs a command that must end with that exit code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND ARG…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// oneline REGEXP: stderr is exactly one line, and matches.
func oneline(ts *testscript.TestScript, neg bool, args []string) {
	text := ts.ReadFile("stderr")
	if strings.Count(text, "\n") != 1 || !strings.HasSuffix(text, "\n") {
		ts.Fatalf("stderr is not one line: %q", text)
	}
	if !regexp.MustCompile(args[0]).MatchString(text) {
		ts.Fatalf("stderr %q does not match %s", text, args[0])
	}
}

// json FILE PATH [REGEXP]: the value at PATH of a JSON document is there, and
// as text it matches all of REGEXP. PATH is made of keys and indexes: 0.hostname;
// len is the length of a list or object.
func jsonAt(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: json FILE PATH [REGEXP]")
	}
	var v any
	if err := json.Unmarshal([]byte(ts.ReadFile(args[0])), &v); err != nil {
		ts.Fatalf("%s is not JSON: %v", args[0], err)
	}
	at, ok := walk(v, args[1])
	found := ok
	if ok && len(args) == 3 {
		found = regexp.MustCompile("^(?:" + args[2] + ")$").MatchString(fmt.Sprint(at))
	}
	if found == neg {
		ts.Fatalf("%s: %v (there: %t)\n%s", args[1], at, ok, ts.ReadFile(args[0]))
	}
}

// take VARIABLE FILE PATH: sets a variable to the value at PATH of a document.
func take(ts *testscript.TestScript, neg bool, args []string) {
	var v any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[1])), &v))
	at, ok := walk(v, args[2])
	if !ok {
		ts.Fatalf("there is no %s", args[2])
	}
	ts.Setenv(args[0], fmt.Sprint(at))
}

func walk(v any, path string) (any, bool) {
	for _, step := range strings.Split(path, ".") {
		switch x := v.(type) {
		case map[string]any:
			if step == "len" {
				v = len(x)
				continue
			}
			var ok bool
			if v, ok = x[step]; !ok {
				return nil, false
			}
		case []any:
			if step == "len" {
				v = len(x)
				continue
			}
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(x) {
				return nil, false
			}
			v = x[i]
		default:
			return nil, false
		}
	}
	if n, ok := v.(float64); ok {
		v = strconv.FormatFloat(n, 'f', -1, 64)
	}
	return v, true
}

// fetch URL STATUS [REGEXP]: an HTTP GET answers so; with !, nothing does.
func fetch(ts *testscript.TestScript, neg bool, args []string) {
	req, err := http.NewRequest(http.MethodGet, args[0], nil)
	ts.Check(err)
	if !neg {
		answers(ts, req, args[1:])
		return
	}
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	if res, err := client.Do(req); err == nil {
		ts.Fatalf("%s answers %s", args[0], res.Status)
	}
}

// bearer METHOD URL STATUS [REGEXP]: a request with $TOKEN answers so.
func bearer(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: bearer METHOD URL STATUS [REGEXP]")
	}
	req, err := http.NewRequest(args[0], args[1], nil)
	ts.Check(err)
	req.Header.Set("Authorization", "Bearer "+ts.Getenv("TOKEN"))
	answers(ts, req, args[2:])
}

// answers sends a request and holds the answer against STATUS [REGEXP].
func answers(ts *testscript.TestScript, req *http.Request, want []string) {
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	ts.Check(err)
	defer res.Body.Close()
	var body bytes.Buffer
	_, err = body.ReadFrom(res.Body)
	ts.Check(err)
	if strconv.Itoa(res.StatusCode) != want[0] || len(want) > 1 && !regexp.MustCompile(want[1]).MatchString(body.String()) {
		ts.Fatalf("%s: %s %s", req.URL, res.Status, &body)
	}
}

// until REGEXP COMMAND ARG…: runs a command again and again until its output matches.
func until(ts *testscript.TestScript, neg bool, args []string) {
	want := regexp.MustCompile(args[0])
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		_ = ts.Exec(args[1], args[2:]...)
		if want.MatchString(ts.ReadFile("stdout")) {
			return
		}
		select {
		case <-ctx.Done():
			ts.Fatalf("waited in vain for %s:\n%s%s", args[0], ts.ReadFile("stdout"), ts.ReadFile("stderr"))
		case <-tick.C:
		}
	}
}

// keygen NAME: makes a client key in the file NAME, and an ssh configuration
// NAME.cfg that logs in to host NAME with it.
func keygen(ts *testscript.TestScript, neg bool, args []string) {
	ts.Check(ts.Exec("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", ts.MkAbs(args[0])))
	if ts.Getenv("SSH_PORT") != "" {
		configure(ts, args[0], ts.MkAbs(args[0]))
	}
}

// configure writes the ssh configuration HOST.cfg for the server of the story.
func configure(ts *testscript.TestScript, host, key string) {
	ts.Check(os.WriteFile(ts.MkAbs(host+".cfg"), []byte(fmt.Sprintf(`Host %s
  HostName 127.0.0.1
  Port %s
  User admin
  IdentityFile %s
  IdentitiesOnly yes
  IdentityAgent none
  BatchMode yes
  LogLevel ERROR
  StrictHostKeyChecking accept-new
  UserKnownHostsFile %s
`, host, ts.Getenv("SSH_PORT"), key, ts.MkAbs("known_hosts"))), 0o600))
}
