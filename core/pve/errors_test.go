package pve

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"strings"
	"testing"
)

// What Proxmox says on the wire (FACTS of a running 9.2.11 and the sources of 8.x), and what a caller sees.
func TestEveryRefusalKeepsItsKindAndText(t *testing.T) {
	for _, tt := range []struct {
		status       int
		reason, body string
		kind         error
		text         string // what the message must contain
		privilege    string
		path         string
		params       map[string]string
	}{
		{500, "CT 100 already running", `{"data":null,"message":"CT 100 already running\n"}`, ErrRunning, "CT 100 already running", "", "", nil},
		{500, "CT 100 already running", `{"data":null}`, ErrRunning, "CT 100 already running", "", "", nil}, // before 8.3
		{500, "CT 100 already running", ``, ErrRunning, "CT 100 already running", "", "", nil},
		{500, "Internal Server Error", `{"data":null,"message":"first line\nsecond line\n"}`, ErrRefused, "first line\nsecond line", "", "", nil},
		{500, "CT 100 not running", `{"data":null}`, ErrNotRunning, "not running", "", "", nil},
		{500, "VM 100 not running", `{"data":null}`, ErrNotRunning, "not running", "", "", nil},
		{500, "unable to destroy CT 101 - container is running", `{"data":null}`, ErrRunning, "container is running", "", "", nil},
		{500, "can't overwrite running container", `{"data":null}`, ErrRunning, "", "", "", nil},
		{500, "Full clone of a running container is only possible from a snapshot", `{"data":null}`, ErrRunning, "", "", "", nil},
		{500, "Configuration file 'nodes/pve1/lxc/999.conf' does not exist", `{"data":null}`, ErrNotFound, "999.conf", "", "", nil},
		{500, "hostname lookup 'nosuch' failed - failed to get address info for: nosuch: Temporary failure in name resolution", `{"data":null}`, ErrNotFound, "nosuch", "", "", nil},
		{500, "storage 'nosuch' does not exist", `{"data":null}`, ErrNotFound, "nosuch", "", "", nil},
		{500, "CT is locked (backup)", `{"data":null}`, ErrLocked, "backup", "", "", nil},
		{500, "can't lock file '/run/lock/lxc/pve-config-100.lock' - got timeout", `{"data":null}`, ErrBusy, "lock file", "", "", nil},
		{500, "CT 130 already exists on node 'pve1'", `{"data":null}`, ErrExists, "130", "", "", nil},
		{500, "unable to create CT 130 - CT 130 already exists on node 'pve1'", `{"data":null}`, ErrExists, "130", "", "", nil},
		{500, "refusing to override existing file 'nginx_1.29.tar'", `{"data":null}`, ErrExists, "nginx", "", "", nil},
		{500, "detected modified configuration - file changed by other user? Try again.", `{"data":null}`, ErrChanged, "", "", "", nil},
		{500, "cluster not ready - no quorum?", `{"data":null}`, ErrNoQuorum, "", "", "", nil},
		{500, "snapshot feature is not available", `{"data":null}`, ErrUnsupported, "", "", "", nil},
		{500, "Linked clone feature for 'local:150/base-150-disk-0.raw' is not available", `{"data":null}`, ErrUnsupported, "", "", "", nil},
		{500, "lvcreate 'pve/vm-100' error: Volume group \"pve\" has insufficient free space", `{"data":null}`, ErrNoSpace, "", "", "", nil},
		{500, "can't remove CT 100 - protection mode enabled", `{"data":null}`, ErrRefused, "protection mode", "", "", nil},
		{500, "Only root can pass arbitrary filesystem paths. at /usr/share/perl5/PVE/Storage.pm line 651.", `{"data":null}`, ErrPermission, "Only root", "", "", nil},
		{400, "Parameter verification failed.", `{"data":null,"message":"Parameter verification failed.\n","errors":{"vmid":"type check ('integer') failed - got 'x'","net0":"invalid format - format error\nnet0.name: property is missing\n"}}`,
			ErrParameter, "Parameter verification failed.", "", "", map[string]string{"vmid": "type check ('integer') failed - got 'x'", "net0": "invalid format - format error\nnet0.name: property is missing"}},
		{400, "Parameter verification failed.", `{"errors":{"vmid":"VM 100 already exists"},"data":null}`, ErrExists, "", "", "", map[string]string{"vmid": "VM 100 already exists"}},
		{400, "Parameter verification failed.", `{"errors":{"upid":"no such task"},"data":null}`, ErrNotFound, "", "", "", map[string]string{"upid": "no such task"}},
		{401, "No ticket", ``, ErrAuth, "No ticket", "", "", nil},
		{401, "Authentication failed!", ``, ErrAuth, "Authentication failed!", "", "", nil},
		{403, "Permission check failed (/vms/100, VM.Allocate)", `{"data":null,"message":"Permission check failed (/vms/100, VM.Allocate)\n"}`, ErrPermission, "Permission check failed", "VM.Allocate", "/vms/100", nil},
		{403, "Permission check failed (/storage/x, Datastore.Audit|Datastore.AllocateSpace)", ``, ErrPermission, "", "Datastore.Audit|Datastore.AllocateSpace", "/storage/x", nil},
		{403, "Permission check failed (user != root@pam)", ``, ErrPermission, "root@pam", "", "", nil},
		{403, "Permission check failed (changing feature flags (except nesting) is only allowed for root@pam)", ``, ErrPermission, "nesting", "", "", nil},
		{403, "pool 'x' does not exist", ``, ErrNotFound, "pool", "", "", nil},
		{501, "Method 'GET /nope' not implemented", `{"data":null}`, ErrUnsupported, "not implemented", "", "", nil},
		{506, "upload 'Content-Type 'x' not implemented", ``, ErrUnsupported, "", "", "", nil},
		{595, "Connection refused", ``, ErrUnreachable, "Connection refused", "", "", nil},
		{595, "No route to host", ``, ErrUnreachable, "No route", "", "", nil},
		{596, "Connection timed out", ``, ErrBusy, "timed out", "", "", nil},
		{502, "Bad Gateway", `<html>nginx</html>`, ErrUnreachable, "Bad Gateway", "", "", nil},
		{503, "", ``, ErrUnreachable, "Service Unavailable", "", "", nil},
	} {
		t.Run(strings.ReplaceAll(tt.reason, "/", "_"), func(t *testing.T) {
			f := newFake(t)
			f.status("POST /nodes/pve1/lxc/100/status/start", tt.status, tt.reason, tt.body)
			_, err := f.client(t, Config{}).Start(testContext(t), "pve1", 100)
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v, want an *Error", err)
			}
			if !errors.Is(err, tt.kind) || e.Kind != tt.kind {
				t.Errorf("kind is %v, want %v", e.Kind, tt.kind)
			}
			if !strings.Contains(e.Message, tt.text) || strings.HasSuffix(e.Message, "\n") {
				t.Errorf("message is %q, want %q in it", e.Message, tt.text)
			}
			if e.Privilege != tt.privilege || e.Path != tt.path {
				t.Errorf("missing is %q on %q, want %q on %q", e.Privilege, e.Path, tt.privilege, tt.path)
			}
			if !maps.Equal(e.Params, tt.params) {
				t.Errorf("params are %v, want %v", e.Params, tt.params)
			}
			if e.Status != tt.status || e.Node != "pve1" || e.VMID != 100 || e.Op != "start CT" {
				t.Errorf("got status %d of %q on %q %d", e.Status, e.Op, e.Node, e.VMID)
			}
			if n := len(f.requests("")); n != 1 {
				t.Errorf("asked %d times, want once", n)
			}
		})
	}
}

func TestErrorsReadAsSentences(t *testing.T) {
	for _, tt := range []struct {
		err  *Error
		want string
	}{
		{&Error{Kind: ErrRunning, Op: "start CT", VMID: 100, Node: "pve1", Message: "CT 100 already running"}, "start CT 100 on pve1: CT 100 already running"},
		{&Error{Kind: ErrPermission, Op: "create CT", VMID: 100, Node: "pve1", Message: "Permission check failed (/vms/100, VM.Allocate)", Privilege: "VM.Allocate", Path: "/vms/100"},
			"create CT 100 on pve1: not permitted: needs VM.Allocate on /vms/100"},
		{&Error{Kind: ErrParameter, Op: "create CT", VMID: 1, Message: "Parameter verification failed.", Params: map[string]string{"vmid": "too small", "cores": "too big"}},
			"create CT 1: Parameter verification failed: cores: too big; vmid: too small"},
		{&Error{Kind: ErrNoSSH}, "no SSH access to the nodes"},
	} {
		if got := tt.err.Error(); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
}

func TestTemporaryIsWhatMayPassByItself(t *testing.T) {
	for kind, want := range map[error]bool{
		ErrUnreachable: true, ErrTimeout: true, ErrLocked: true, ErrNoQuorum: true, ErrBusy: true,
		ErrAuth: false, ErrPermission: false, ErrParameter: false, ErrNotFound: false, ErrExists: false,
		ErrCertificate: false, ErrHostKey: false, ErrNoSpace: false, ErrTask: false, ErrUnsupported: false,
	} {
		if got := Temporary(&Error{Kind: kind}); got != want {
			t.Errorf("%v is temporary: %v, want %v", kind, got, want)
		}
		if got := Temporary(&TaskError{Kind: kind}); got != want {
			t.Errorf("task that failed with %v is temporary: %v, want %v", kind, got, want)
		}
	}
}

func TestOutputKindKnowsTheContainersSurroundings(t *testing.T) {
	apparmor := "Error response from daemon: failed to create task: runc create failed: unable to start container process: " +
		"error during container init: open sysctl net.ipv4.ip_unprivileged_port_start file: reopen fd 8: permission denied: unknown\n"
	for output, want := range map[string]error{
		"pulling\n" + apparmor:                             ErrAppArmor,
		"write /var/lib/docker/x: no space left on device": ErrNoSpace,
		"manifest unknown":                                 nil,
		"container is not running":                         nil,
	} {
		if got := OutputKind(output); got != want {
			t.Errorf("%q is %v, want %v", output, got, want)
		}
	}
}

func TestGivingUpIsNotTheHostsFault(t *testing.T) {
	f := newFake(t)
	arrived := make(chan struct{})
	f.on("GET /version", func(w http.ResponseWriter, r *http.Request) { close(arrived); <-r.Context().Done() })
	ctx, cancel := context.WithCancel(testContext(t))
	go func() { <-arrived; cancel() }()
	_, err := f.client(t, Config{}).Version(ctx)
	if !errors.Is(err, context.Canceled) || errors.Is(err, ErrUnreachable) || errors.Is(err, ErrTimeout) {
		t.Errorf("got %v, want context.Canceled alone", err)
	}
}

func TestAnAnswerThatIsNotProxmoxs(t *testing.T) {
	f := newFake(t)
	f.status("GET /version", 200, "OK", "<html>hello</html>")
	f.status("GET /cluster/resources", 200, "OK", `{"data":{"not":"a list"}}`)
	f.status("GET /access/permissions", 301, "Moved", "")
	c := f.client(t, Config{})
	if _, err := c.Version(testContext(t)); !errors.Is(err, ErrUnsupported) {
		t.Errorf("HTML: %v", err)
	}
	if _, err := c.Resources(testContext(t)); !errors.Is(err, ErrUnsupported) {
		t.Errorf("wrong shape: %v", err)
	}
	if _, err := c.Permissions(testContext(t)); !errors.Is(err, ErrUnsupported) {
		t.Errorf("redirect: %v", err)
	}
}
