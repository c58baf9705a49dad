package pve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestPrivilegesAreReadAsProxmoxGrantsThem(t *testing.T) {
	f := newFake(t)
	f.data("GET /access/permissions", `{"/":{"Sys.Audit":1},"/vms":{"VM.Allocate":1,"VM.Audit":0},"/storage/local":{"Datastore.Audit":"1"},"/nodes":{}}`)
	p, err := f.client(t, Config{}).Permissions(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		path, privilege string
		want            bool
	}{
		{"/vms/100", "VM.Allocate", true}, // from above
		{"/vms", "VM.Audit", true},        // granted here
		{"/vms/100", "VM.Audit", false},   // but does not propagate
		{"/storage/local", "Datastore.Audit", true},
		{"/storage/other", "Datastore.Audit", false}, // no grant
		{"/sdn/zones", "Sys.Audit", true},            // from the root
		{"/nodes/pve1", "Sys.Audit", false},          // /nodes has its own, empty list
	} {
		if got := p.Has(tt.path, tt.privilege); got != tt.want {
			t.Errorf("%s on %s: %v", tt.privilege, tt.path, got)
		}
	}
}

const twoNodes = `[
	{"type":"cluster","id":"cluster","name":"home","version":3,"quorate":1,"nodes":2},
	{"type":"node","id":"node/pve2","name":"pve2","ip":"10.0.0.2","nodeid":2,"online":1,"local":0,"level":""},
	{"type":"node","id":"node/pve1","name":"pve1","ip":"10.0.0.1","nodeid":1,"online":1,"local":1,"level":""}]`

func TestClusterSaysWhoIsInIt(t *testing.T) {
	f := newFake(t)
	print := f.fingerprint()
	f.data("GET /nodes", `[{"node":"pve1","status":"online","ssl_fingerprint":"`+print+`"},{"node":"pve2","status":"online","ssl_fingerprint":"AA`+print[2:]+`"}]`)
	f.data("GET /cluster/status", twoNodes)
	c := f.client(t, Config{})
	s, err := c.Cluster(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	if s.Name != "home" || !s.Quorate || len(s.Nodes) != 2 {
		t.Fatalf("got %+v", s)
	}
	if n := s.Nodes[1]; n.Name != "pve2" || n.IP != "10.0.0.2" || n.ID != 2 || !n.Online || n.Local {
		t.Errorf("got %+v", n)
	}
	peers := c.Peers()
	if len(peers) != 1 || peers[0].Node != "pve2" || !strings.HasPrefix(peers[0].URL, "https://10.0.0.2:") {
		t.Errorf("other ways in: %v", peers)
	}
	host, err := c.nodeAddress(testContext(t), "pve1")
	if err != nil || host != "127.0.0.1" {
		t.Errorf("pve1's SSH is at %q, %v; want the address its API is reached by", host, err)
	}
	if host, _ := c.nodeAddress(testContext(t), "pve2"); host != "10.0.0.2" {
		t.Errorf("pve2's SSH is at %q", host)
	}
	if _, err := c.nodeAddress(testContext(t), "pve9"); !errors.Is(err, ErrNotFound) {
		t.Errorf("a node that is not there: %v", err)
	}
}

func TestASingleNodeIsAClusterWithoutName(t *testing.T) {
	f := newFake(t)
	f.data("GET /nodes", `[{"node":"pve1","status":"online","ssl_fingerprint":"`+f.fingerprint()+`"}]`)
	f.data("GET /cluster/status", `[{"level":"","online":1,"id":"node/pve1","ip":"10.10.10.1","nodeid":0,"name":"pve1","type":"node","local":1}]`)
	s, err := f.client(t, Config{}).Cluster(testContext(t))
	if err != nil || s.Name != "" || !s.Quorate || len(s.Nodes) != 1 || !s.Nodes[0].Local {
		t.Errorf("got %+v, %v", s, err)
	}
}

// A least-privilege token may not read the cluster's status; the nodes' names must do.
func TestClusterWithoutSysAudit(t *testing.T) {
	f := newFake(t)
	f.data("GET /nodes", `[{"node":"pve1","status":"online","ssl_fingerprint":"`+f.fingerprint()+`"}]`)
	f.status("GET /cluster/status", 403, "Permission check failed (/, Sys.Audit)", "")
	c := f.client(t, Config{})
	s, err := c.Cluster(testContext(t))
	if err != nil || len(s.Nodes) != 1 || s.Nodes[0].Name != "pve1" {
		t.Errorf("got %+v, %v", s, err)
	}
	if host, err := c.nodeAddress(testContext(t), "pve1"); host != "127.0.0.1" {
		t.Errorf("the only node's SSH is at %q, %v", host, err)
	}
	f.data("GET /nodes", `[{"node":"pve1","status":"online"},{"node":"pve2","status":"online"}]`)
	_, err = f.client(t, Config{}).nodeAddress(testContext(t), "pve2")
	var e *Error
	if !errors.As(err, &e) || e.Privilege != "Sys.Audit" {
		t.Errorf("an address that may not be seen: %v", err)
	}
}

// One cluster added twice, through different nodes and with credentials that see more or less, is one.
func TestAClusterIsKnownByItsAuthority(t *testing.T) {
	print := fingerprintOf("A1")
	for name, status := range map[string]string{
		"a node joined, and all is seen": twoNodes,
		"the name is not seen":           `[]`,
	} {
		f := newFake(t)
		f.data("GET /nodes", `[{"node":"pve1","status":"online","ssl_fingerprint":"`+fingerprintOf("B"+name[:1])+`"}]`)
		f.data("GET /cluster/status", status)
		f.data("GET /nodes/pve1/certificates/info", `[{"filename":"pve-ssl.pem","fingerprint":"`+fingerprintOf("C1")+`"},{"filename":"pve-root-ca.pem","fingerprint":"`+print+`"}]`)
		s, err := f.client(t, Config{}).Cluster(testContext(t))
		if want := "ca:" + strings.ReplaceAll(print, ":", ""); err != nil || s.Identity != want {
			t.Errorf("%s: identity is %q, %v; want %q", name, s.Identity, err, want)
		}
	}
	f := newFake(t)
	f.data("GET /nodes", `[{"node":"pve1","status":"online"}]`)
	f.data("GET /cluster/status", `[]`)
	f.status("GET /nodes/pve1/certificates/info", 595, "Connection refused", "")
	if s, err := f.client(t, Config{}).Cluster(testContext(t)); !errors.Is(err, ErrUnreachable) {
		t.Errorf("an authority that could not be asked for gave %q, %v: it must not become another identity", s.Identity, err)
	}
}

func fingerprintOf(byte string) string { return strings.TrimSuffix(strings.Repeat(byte+":", 32), ":") }

func TestSameClusterWithoutAnAuthority(t *testing.T) {
	of := func(name string, nodes ...string) string {
		s := ClusterStatus{Name: name}
		for _, n := range nodes {
			node, cert, _ := strings.Cut(n, "=")
			if cert != "" {
				cert = fingerprintOf(cert)
			}
			s.Nodes = append(s.Nodes, ClusterNode{Name: node, Fingerprint: cert})
		}
		return nodesIdentity(s)
	}
	home := of("home", "pve1=A1", "pve2=A2", "pve3=A3")
	bare := of("home", "pve1", "pve2")
	for _, tt := range []struct {
		what string
		a, b string
		want bool
	}{
		{"itself", home, home, true},
		{"a node joined, another left", home, of("home", "pve2=A2", "pve3=A3", "pve4=A4"), true},
		{"one certificate renewed", home, of("home", "pve1=B1", "pve2=A2", "pve3=A3"), true},
		{"seen without its name", home, of("", "pve1=A1", "pve2=A2", "pve3=A3"), true},
		{"another of the same names", home, of("home", "pve1=C1", "pve2=C2", "pve3=C3"), false},
		{"another", home, of("lab", "x=D1"), false},
		{"names alone", bare, of("home", "pve2", "pve3"), true},
		{"names alone, another", bare, of("lab", "pve1", "pve2"), false},
		{"authorities", "ca:AA", "ca:BB", false},
		{"an authority and nodes", "ca:AA", home, false},
		{"nothing known", "", "", false},
	} {
		if got := SameCluster(tt.a, tt.b); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.what, got, tt.want)
		}
		if got := SameCluster(tt.b, tt.a); got != tt.want {
			t.Errorf("%s, the other way round: %v, want %v", tt.what, got, tt.want)
		}
	}
}

func TestNextIDIsANumberOrAString(t *testing.T) {
	f := newFake(t)
	c := f.client(t, Config{})
	for _, answer := range []string{`"100"`, `100`} {
		f.data("GET /cluster/nextid", answer)
		if id, err := c.NextID(testContext(t)); err != nil || id != 100 {
			t.Errorf("%s: %d, %v", answer, id, err)
		}
	}
	f.data("GET /cluster/nextid", `null`)
	if id, err := c.NextID(testContext(t)); err == nil {
		t.Errorf("null gave %d", id)
	}
}

func TestCheckID(t *testing.T) {
	f := newFake(t)
	c := f.client(t, Config{})
	f.data("GET /cluster/nextid", `"105"`)
	if free, err := c.CheckID(testContext(t), 105); err != nil || !free {
		t.Errorf("free: %v, %v", free, err)
	}
	f.status("GET /cluster/nextid", 400, "Parameter verification failed.", `{"data":null,"errors":{"vmid":"VM 105 already exists"}}`)
	if free, err := c.CheckID(testContext(t), 105); err != nil || free {
		t.Errorf("taken: %v, %v", free, err)
	}
	f.status("GET /cluster/nextid", 400, "Parameter verification failed.", `{"data":null,"errors":{"vmid":"value must have a minimum value of 100"}}`)
	if _, err := c.CheckID(testContext(t), 5); !errors.Is(err, ErrParameter) {
		t.Errorf("impossible: %v", err)
	}
}

// loopbackPair is a cluster of two fakes on 127.0.0.1 and 127.0.0.2 with one port.
func loopbackPair(t *testing.T) (one, two *fakePVE) {
	one = newFakeWith(t, selfSigned(t, "pve1"), "127.0.0.1:0")
	_, port, _ := net.SplitHostPort(one.Listener.Addr().String())
	two = newFakeWith(t, selfSigned(t, "pve2"), "127.0.0.2:"+port)
	nodes := fmt.Sprintf(`[{"node":"pve1","status":"online","ssl_fingerprint":%q},{"node":"pve2","status":"online","ssl_fingerprint":%q}]`,
		one.leafFingerprint(t), two.leafFingerprint(t))
	for i, f := range []*fakePVE{one, two} {
		f.data("GET /nodes", nodes)
		f.data("GET /cluster/status", fmt.Sprintf(`[{"type":"cluster","name":"home","quorate":1},
			{"type":"node","name":"pve1","ip":"127.0.0.1","nodeid":1,"online":1,"local":%d},
			{"type":"node","name":"pve2","ip":"127.0.0.2","nodeid":2,"online":1,"local":%d}]`, 1-i, i))
		f.data("GET /version", `{"version":"9.2.11"}`)
		f.data(startRoute, `"`+someUPID+`"`)
	}
	return one, two
}

func TestAnotherNodeAnswersWhenTheConfiguredOneIsGone(t *testing.T) {
	one, two := loopbackPair(t)
	c := one.client(t, Config{Fingerprint: one.leafFingerprint(t)})
	if _, err := c.Cluster(testContext(t)); err != nil {
		t.Fatal(err)
	}
	one.CloseClientConnections()
	one.Listener.Close()
	if _, err := c.Version(testContext(t)); err != nil {
		t.Fatalf("GET: %v", err)
	}
	// A request that never left may go to the other node, too, whatever it is.
	fresh := one.client(t, Config{Fingerprint: one.leafFingerprint(t), Peers: c.Peers()})
	if _, err := fresh.Start(testContext(t), "pve1", 100); err != nil {
		t.Fatalf("POST that could not be sent: %v", err)
	}
	if got := len(two.requests(startRoute)); got != 1 {
		t.Errorf("started %d times", got)
	}
	if host, _ := c.nodeAddress(testContext(t), "pve2"); host != "127.0.0.2" {
		t.Errorf("pve2's SSH is at %q", host)
	}
}

func TestTheConfiguredNodeIsAskedAgainOnceItAnswers(t *testing.T) {
	one, two := loopbackPair(t)
	rows := `[{"type":"node","node":"pve1","status":"online"}]`
	one.data("GET /cluster/resources", rows)
	two.data("GET /cluster/resources", rows)
	var met []Change
	c := one.client(t, Config{Fingerprint: one.leafFingerprint(t), Return: time.Nanosecond, Changed: func(ch Change) { met = append(met, ch) }})
	if _, err := c.Cluster(testContext(t)); err != nil {
		t.Fatal(err)
	}
	address := one.Listener.Addr().String()
	asked := func(f *fakePVE) {
		t.Helper()
		before := len(f.requests("GET /cluster/resources"))
		if _, err := c.Resources(testContext(t)); err != nil {
			t.Fatal(err)
		}
		if len(f.requests("GET /cluster/resources")) != before+1 {
			t.Error("the other node was asked")
		}
	}
	asked(one)
	one.CloseClientConnections()
	one.Listener.Close()
	asked(two)
	asked(two)
	back := newFakeWith(t, one.TLS.Certificates[0], address)
	back.data("GET /cluster/resources", rows)
	back.data("GET /version", `{"version":"9.2.11"}`)
	asked(back)
	back.CloseClientConnections()
	back.Listener.Close()
	asked(two)
	newFakeWith(t, selfSigned(t, "pve1"), address)
	if _, err := c.Resources(testContext(t)); !errors.Is(err, ErrCertificate) || len(met) == 0 {
		t.Errorf("it came back with another certificate: %v, told of %v", err, met)
	}
}

// The configured node hangs: it takes connections and answers none. The next call goes elsewhere.
func TestANodeThatHangsIsLeft(t *testing.T) {
	one, two := loopbackPair(t)
	c := one.client(t, Config{Fingerprint: one.leafFingerprint(t), Timeout: 100 * time.Millisecond})
	if _, err := c.Cluster(testContext(t)); err != nil {
		t.Fatal(err)
	}
	hang := func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	one.on("GET /version", hang)
	one.on(startRoute, hang)
	if _, err := c.Version(testContext(t)); !errors.Is(err, ErrTimeout) {
		t.Errorf("the first call: %v", err)
	}
	if _, err := c.Version(testContext(t)); err != nil {
		t.Errorf("the second call: %v", err)
	}
	c = one.client(t, Config{Fingerprint: one.leafFingerprint(t), Timeout: 100 * time.Millisecond, Peers: c.Peers()})
	if _, err := c.Start(testContext(t), "pve1", 100); !errors.Is(err, ErrTimeout) {
		t.Errorf("a POST that may have arrived: %v", err)
	}
	if n := len(two.requests(startRoute)); n != 0 {
		t.Errorf("it was sent again %d times", n)
	}
}

func TestTheOtherNodesCertificateIsPinnedToo(t *testing.T) {
	one, two := loopbackPair(t)
	one.data("GET /nodes", fmt.Sprintf(`[{"node":"pve1","status":"online","ssl_fingerprint":%q},{"node":"pve2","status":"online","ssl_fingerprint":%q}]`,
		one.leafFingerprint(t), one.leafFingerprint(t))) // pve2 shows another one today
	c := one.client(t, Config{Fingerprint: one.leafFingerprint(t)})
	if _, err := c.Cluster(testContext(t)); err != nil {
		t.Fatal(err)
	}
	one.CloseClientConnections()
	one.Listener.Close()
	if _, err := c.Version(testContext(t)); !errors.Is(err, ErrUnreachable) {
		t.Errorf("got %v, want that the configured node is gone", err)
	}
	if n := len(two.requests("")); n != 0 {
		t.Errorf("it saw %d requests", n)
	}
}

func TestAllNodesGone(t *testing.T) {
	one, two := loopbackPair(t)
	c := one.client(t, Config{Fingerprint: one.leafFingerprint(t)})
	if _, err := c.Cluster(testContext(t)); err != nil {
		t.Fatal(err)
	}
	for _, f := range []*fakePVE{one, two} {
		f.CloseClientConnections()
		f.Listener.Close()
	}
	for range 3 {
		if _, err := c.Version(testContext(t)); !errors.Is(err, ErrUnreachable) {
			t.Errorf("got %v", err)
		}
	}
	ctx, cancel := context.WithCancel(testContext(t))
	cancel()
	if _, err := c.Version(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
