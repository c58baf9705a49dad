package e2e

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"proximity/core"
	"proximity/pvesim"
	"proximity/store"
)

// crowdSize is how many apps the figures of the whole server are taken with.
const crowdSize = 1000

// installation is a data folder with a thousand apps whose host answers no
// more, and the key that may log in.
type installation struct {
	data string
	key  gossh.Signer
}

// settled makes an installation: a container is adopted, there are a thousand of
// it, and the cluster goes away.
func settled(b *testing.B) installation {
	b.Helper()
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		b.Fatal(err)
	}
	key, err := gossh.NewSignerFromSigner(private)
	if err != nil {
		b.Fatal(err)
	}
	in := installation{data: filepath.Join(b.TempDir(), "data"), key: key}
	sim, err := pvesim.Start(b.Context(), pvesim.Options{Nodes: 8, Guests: 8, Listen: "127.0.0.1:0", SSHListen: "127.0.0.1:0"})
	if err != nil {
		b.Fatal(err)
	}
	defer sim.Close()
	c, err := core.Open(core.Config{Data: in.data, AdminKeys: []string{strings.TrimSpace(string(gossh.MarshalAuthorizedKey(key.PublicKey())))}, ListenHost: "127.99.9.9", GuestNetworks: []string{"127.0.0.0/8"},
		Pace: core.Pace{TaskPoll: 10 * time.Millisecond, Watched: time.Second, Idle: time.Second}})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	var running sync.WaitGroup
	defer cancel()
	running.Go(func() { _ = c.Run(ctx) })
	admin := core.LocalAdmin("bench")
	if _, err := c.AddHost(ctx, admin, core.AddHostRequest{Name: "away", URL: sim.URL(), User: "root@pam", Password: sim.RootPassword(), SSHPort: sim.SSHPort(), Fingerprint: sim.Fingerprint()}); err != nil {
		b.Fatal(err)
	}
	changes := c.Watch(ctx)
	for hosts := c.World(admin).Hosts; len(hosts) == 0 || hosts[0].State != "online"; hosts = c.World(admin).Hosts {
		<-changes
	}
	found, err := c.Discover(ctx, admin, "")
	if err != nil || len(found) == 0 {
		b.Fatalf("%d containers found, %v", len(found), err)
	}
	if _, _, err := c.Adopt(ctx, admin, core.AdoptRequest{Host: found[0].Host, Node: found[0].Node, VMID: found[0].VMID}); err != nil {
		b.Fatal(err)
	}
	for len(c.World(admin).Apps) == 0 || slices.ContainsFunc(c.World(admin).Jobs, func(j core.JobView) bool { return !j.Ended }) {
		<-changes
	}
	cancel()
	running.Wait()
	if err := c.Close(); err != nil {
		b.Fatal(err)
	}
	multiply(b, in.data, crowdSize)
	return in
}

// multiply makes n apps of the one that is there, in the file itself: to adopt
// so many takes minutes.
func multiply(b *testing.B, data string, n int) {
	b.Helper()
	// The version core has brought the file to; nothing is left to be done.
	past := []store.Migration{{To: 1, Apply: func(*store.Tx) error { return nil }}}
	st, err := store.Open(filepath.Join(data, "proximity.db"), store.Options{Migrations: past})
	if err != nil {
		b.Fatal(err)
	}
	defer st.Close()
	apps := store.NewTable("apps", func(row map[string]any) string { return row["ID"].(string) })
	err = st.Update(func(tx *store.Tx) error {
		var one map[string]any
		for row, err := range apps.All(tx) {
			if err != nil {
				return err
			}
			one = row
		}
		for i := range n - 1 {
			row := maps.Clone(one)
			row["ID"], row["Hostname"], row["VMID"], row["PublicPort"] = fmt.Sprintf("custom-%08x", i), fmt.Sprintf("app-%04d", i), 10_000+i, 0
			if err := apps.Put(tx, row); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}

// start starts the program on the installation and waits until it serves.
func (in installation) start(b *testing.B) (addr string, took time.Duration, end func()) {
	b.Helper()
	cmd := exec.Command(binary, "serve", "--data", in.data, "--ssh", "127.0.0.1:0", "--http", "127.0.0.1:0", "--listen-host", "127.99.9.9", "--log-level", "error")
	cmd.Env = append(os.Environ(), "HOME="+b.TempDir())
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	end = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		rest, ok := strings.CutPrefix(lines.Text(), "ready ssh=")
		if ok {
			addr, _, _ = strings.Cut(rest, " ")
			return addr, time.Since(began), end
		}
	}
	end()
	b.Fatal("it never got ready")
	return
}

// BenchmarkServer takes the figures of the whole program, with a thousand apps
// in the store and their host away. Serving: from starting it to its ready line
// (limit: 300 ms). FirstFrame: from asking for a shell to the first frame of
// 120x36 (limit: 60 ms).
func BenchmarkServer(b *testing.B) {
	in := settled(b)
	b.Run("Serving", func(b *testing.B) {
		var took []time.Duration
		for b.Loop() {
			_, t, end := in.start(b)
			end()
			took = append(took, t)
		}
		slices.Sort(took)
		b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms-p50")
		b.ReportMetric(float64(took[len(took)-1].Microseconds())/1000, "ms-max")
	})
	b.Run("FirstFrame", func(b *testing.B) {
		addr, _, end := in.start(b)
		defer end()
		client, err := gossh.Dial("tcp", addr, &gossh.ClientConfig{User: "anna", Auth: []gossh.AuthMethod{gossh.PublicKeys(in.key)}, HostKeyCallback: gossh.InsecureIgnoreHostKey()})
		if err != nil {
			b.Fatal(err)
		}
		defer client.Close()
		var took []time.Duration
		for b.Loop() {
			took = append(took, firstFrame(b, client))
		}
		slices.Sort(took)
		b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms-p50")
		b.ReportMetric(float64(took[len(took)*95/100].Microseconds())/1000, "ms-p95")
	})
}

// firstFrame opens a console and is how long its first frame took.
func firstFrame(b *testing.B, client *gossh.Client) time.Duration {
	s, err := client.NewSession()
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	if _, err := s.StdinPipe(); err != nil { // or its end would end the session
		b.Fatal(err)
	}
	out, err := s.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := s.RequestPty("xterm-256color", 36, 120, nil); err != nil {
		b.Fatal(err)
	}
	began := time.Now()
	if err := s.Shell(); err != nil {
		b.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 64<<10)); err != nil {
		b.Fatal(err)
	}
	return time.Since(began)
}
