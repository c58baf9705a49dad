package pve

import (
	"encoding/json"
	"errors"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"
)

func sentBody(t *testing.T, s seen) map[string]any {
	t.Helper()
	var body map[string]any
	if s.body != "" {
		if err := json.Unmarshal([]byte(s.body), &body); err != nil {
			t.Fatalf("body %q: %v", s.body, err)
		}
	}
	return body
}

func TestCreateSendsWhatItIsTold(t *testing.T) {
	for name, tt := range map[string]struct {
		options CreateOptions
		want    map[string]any
	}{
		"everything": {
			CreateOptions{VMID: 100, Template: "local:vztmpl/debian.tar.zst", Hostname: "web", Storage: "local-lvm", DiskGB: 8, Cores: 2,
				MemoryMB: 1024, SwapMB: 512, Net0: "name=eth0,bridge=vmbr0,ip=dhcp", Nameserver: "1.1.1.1", SearchDomain: "lan",
				Unprivileged: true, OnBoot: true, Features: "nesting=1", Tags: []string{"a", "b"}, Description: "d", Password: "secret",
				SSHKeys: []string{"ssh-ed25519 A x", "ssh-ed25519 B y"}, Pool: "p"},
			map[string]any{"vmid": 100., "ostemplate": "local:vztmpl/debian.tar.zst", "hostname": "web", "rootfs": "local-lvm:8", "cores": 2.,
				"memory": 1024., "swap": 512., "net0": "name=eth0,bridge=vmbr0,ip=dhcp", "nameserver": "1.1.1.1", "searchdomain": "lan",
				"unprivileged": 1., "onboot": 1., "features": "nesting=1", "tags": "a;b", "description": "d", "password": "secret",
				"ssh-public-keys": "ssh-ed25519 A x\nssh-ed25519 B y", "pool": "p"},
		},
		"as little as possible": { // Proxmox: an empty features string is refused; unprivileged would default to 1
			CreateOptions{VMID: 101, Template: "t"},
			map[string]any{"vmid": 101., "ostemplate": "t", "swap": 0., "unprivileged": 0., "onboot": 0.},
		},
		"storage alone": {
			CreateOptions{VMID: 101, Template: "t", Storage: "zfs"},
			map[string]any{"vmid": 101., "ostemplate": "t", "storage": "zfs", "swap": 0., "unprivileged": 0., "onboot": 0.},
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.data("POST /nodes/pve1/lxc", `"UPID:pve1:00000127:00035905:6B03C4CF:vzcreate:100:root@pam!realpve:"`)
			u, err := f.client(t, Config{}).Create(testContext(t), "pve1", tt.options)
			if err != nil || !strings.Contains(string(u), "vzcreate") {
				t.Fatalf("got %q, %v", u, err)
			}
			if got := sentBody(t, f.requests("")[0]); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("sent\n%v\nwant\n%v", got, tt.want)
			}
		})
	}
}

func TestVerbsSendTheirParameters(t *testing.T) {
	f := newFake(t)
	for _, verb := range []string{"start", "stop", "shutdown"} {
		f.data("POST /nodes/pve1/lxc/100/status/"+verb, `"`+someUPID+`"`)
	}
	c, ctx := f.client(t, Config{}), testContext(t)
	c.Start(ctx, "pve1", 100)
	c.Stop(ctx, "pve1", 100)
	c.Shutdown(ctx, "pve1", 100, 90*time.Second, true)
	want := []map[string]any{nil, {"overrule-shutdown": 1.}, {"timeout": 90., "forceStop": 1.}}
	for i, s := range f.requests("") {
		if got := sentBody(t, s); !reflect.DeepEqual(got, want[i]) {
			t.Errorf("%s sent %v, want %v", s.path, got, want[i])
		}
	}
}

func TestStopOnAnOlderProxmox(t *testing.T) {
	f := newFake(t)
	route := "POST /nodes/pve1/lxc/100/status/stop"
	f.status(route, 400, "Parameter verification failed.",
		`{"data":null,"errors":{"overrule-shutdown":"property is not defined in schema and the schema does not allow additional properties"}}`)
	_, err := f.client(t, Config{}).Stop(testContext(t), "pve1", 100)
	if !errors.Is(err, ErrParameter) {
		t.Error(err)
	}
	all := f.requests(route)
	if len(all) != 2 || all[1].body != "" {
		t.Errorf("sent %v", all)
	}
}

// Proxmox: vzdump for a guest on another node answers 200 "OK" and does nothing.
func TestAnAnswerWithoutATaskIsAnError(t *testing.T) {
	f := newFake(t)
	for _, data := range []string{`"OK"`, `null`, `"UPID:pve1:1:2:3:vzstart:100"`} {
		f.data(startRoute, data)
		if u, err := f.client(t, Config{}).Start(testContext(t), "pve1", 100); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %q, %v", data, u, err)
		}
	}
}

func TestStatusReadsWhateverTypeComes(t *testing.T) {
	f := newFake(t)
	route := "GET /nodes/pve1/lxc/100/status/current"
	c := f.client(t, Config{})
	f.data(route, `{"diskwrite":0,"maxswap":536870912,"ha":{"managed":0},"name":"ct100","maxmem":268435456,"netin":"1420","maxdisk":1073741824,"vmid":"100",
		"status":"running","cpus":"0.5","type":"lxc","mem":925696,"swap":0,"netout":1200,"diskread":0,"uptime":5,"cpu":-0.0001,"disk":2482176,
		"pid":399,"tags":"a;b","lock":"backup","pressurecpusome":"0.00","pressurememoryfull":null,"template":""}`)
	got, err := c.Status(testContext(t), "pve1", 100)
	want := GuestStatus{Status: "running", Lock: "backup"}
	if err != nil || got != want || !got.Running() {
		t.Errorf("got\n%+v, %v\nwant\n%+v", got, err, want)
	}
	f.status(route, 500, "Configuration file 'nodes/pve1/lxc/100.conf' does not exist", `{"data":null}`)
	if _, err := c.Status(testContext(t), "pve1", 100); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

func TestConfigOfARunningContainer(t *testing.T) {
	f := newFake(t)
	f.data("GET /nodes/pve1/lxc/100/config", `{"unprivileged":1,"ostype":"alpine","cores":1,"arch":"amd64","cpulimit":"0.5","tags":"prox;web",
		"net0":"name=eth0,bridge=vmbr0,gw=10.10.10.1,hwaddr=BC:24:11:6D:1F:B3,ip=10.10.10.100/24,type=veth","nameserver":"1.1.1.1",
		"rootfs":"local:100/vm-100-disk-0.raw,size=1G","swap":0,"hostname":"ct100","digest":"1367276c14c5908275e5f3080f87dab676aab093",
		"memory":"256","onboot":1,"features":"nesting=1","description":"made by\nProximity\n","lxc":[["lxc.apparmor.profile","unconfined"]]}`)
	got, err := f.client(t, Config{}).GuestConfig(testContext(t), "pve1", 100)
	if err != nil {
		t.Fatal(err)
	}
	raw := got.Raw
	got.Raw = nil
	want := GuestConfig{Hostname: "ct100", Description: "made by\nProximity", Tags: []string{"prox", "web"}, Cores: 1, MemoryMB: 256,
		RootFS: "local:100/vm-100-disk-0.raw,size=1G", OSType: "alpine", Features: "nesting=1", OnBoot: true, Unprivileged: true,
		Digest: "1367276c14c5908275e5f3080f87dab676aab093",
		Nets: map[int]Net{0: {Name: "eth0", Bridge: "vmbr0", MAC: "BC:24:11:6D:1F:B3", IP: "10.10.10.100/24", Gateway: "10.10.10.1",
			Raw: "name=eth0,bridge=vmbr0,gw=10.10.10.1,hwaddr=BC:24:11:6D:1F:B3,ip=10.10.10.100/24,type=veth"}}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
	if raw["cpulimit"] != "0.5" || raw["arch"] != "amd64" || raw["swap"] != "0" {
		t.Errorf("raw is %v", raw)
	}
}

func TestConfigDuringACreate(t *testing.T) {
	f := newFake(t)
	f.data("GET /nodes/pve1/lxc/170/config", `{"lock":"create","digest":"abc"}`)
	got, err := f.client(t, Config{}).GuestConfig(testContext(t), "pve1", 170)
	if err != nil || got.Lock != "create" || got.Digest != "abc" || got.Hostname != "" || len(got.Nets) != 0 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestSetConfig(t *testing.T) {
	f := newFake(t)
	route := "PUT /nodes/pve1/lxc/100/config"
	f.data(route, `null`)
	c := f.client(t, Config{})
	err := c.SetConfig(testContext(t), "pve1", 100, map[string]string{"cores": "2", "description": "a = b & c", "tags": "", "nameserver": ""}, "d1")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"cores": "2", "description": "a = b & c", "delete": "nameserver,tags", "digest": "d1"}
	if got := sentBody(t, f.requests("")[0]); !reflect.DeepEqual(got, want) {
		t.Errorf("sent %v, want %v", got, want)
	}
	f.status(route, 500, "detected modified configuration - file changed by other user? Try again.", `{"data":null}`)
	if err := c.SetConfig(testContext(t), "pve1", 100, map[string]string{"cores": "2"}, "d1"); !errors.Is(err, ErrChanged) {
		t.Errorf("got %v", err)
	}
}

func TestInterfaces(t *testing.T) {
	for name, tt := range map[string]struct {
		data string
		want []Interface
	}{
		"stopped": {`null`, []Interface{}},
		"running": {`[{"inet6":"::1/128","inet":"127.0.0.1/8","hardware-address":"00:00:00:00:00:00","ip-addresses":[{"ip-address":"127.0.0.1","prefix":"8","ip-address-type":"inet"},{"ip-address-type":"inet6","prefix":128,"ip-address":"::1"}],"name":"lo","hwaddr":"00:00:00:00:00:00"},
			{"hardware-address":"bc:24:11:6d:1f:b3","name":"eth0","ip-addresses":[],"hwaddr":"bc:24:11:6d:1f:b3"}]`,
			[]Interface{{"lo", "00:00:00:00:00:00", []netip.Prefix{netip.MustParsePrefix("127.0.0.1/8"), netip.MustParsePrefix("::1/128")}},
				{"eth0", "BC:24:11:6D:1F:B3", nil}}},
		"before 8.4": {`[{"name":"eth0","hwaddr":"BC:24:11:6D:1F:B3","inet":"10.0.0.5/24","inet6":"fe80::1/64"}]`,
			[]Interface{{"eth0", "BC:24:11:6D:1F:B3", []netip.Prefix{netip.MustParsePrefix("10.0.0.5/24"), netip.MustParsePrefix("fe80::1/64")}}}},
		"nonsense": {`[{"name":"eth0","hwaddr":null,"inet":"x","ip-addresses":[{"ip-address":"10.0.0.5"}]}]`, []Interface{{"eth0", "", nil}}},
	} {
		f := newFake(t)
		f.data("GET /nodes/pve1/lxc/100/interfaces", tt.data)
		got, err := f.client(t, Config{}).Interfaces(testContext(t), "pve1", 100)
		if err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: got %v, %v, want %v", name, got, err, tt.want)
		}
	}
}

func TestParseNet(t *testing.T) {
	for _, bad := range []string{"", "name", "bridge=vmbr0", "name=eth0,,ip=dhcp"} {
		if n, err := ParseNet(bad); err == nil {
			t.Errorf("%q was taken for %+v", bad, n)
		}
	}
}

func FuzzParseNet(f *testing.F) {
	f.Add("name=eth0,bridge=vmbr0,gw=10.10.10.1,hwaddr=BC:24:11:6D:1F:B3,ip=10.10.10.100/24,type=veth")
	f.Add("name=eth0,ip6=auto,link_down=1")
	f.Fuzz(func(t *testing.T, s string) {
		n, err := ParseNet(s)
		if n.Raw != s {
			t.Errorf("raw of %q is %q", s, n.Raw)
		}
		if err == nil && n.Name == "" {
			t.Errorf("%q has no name", s)
		}
		for _, v := range []string{n.Name, n.Bridge, n.MAC, n.IP, n.Gateway} {
			if strings.Contains(v, ",") || !strings.Contains(s, v) {
				t.Errorf("%q gave %q", s, v)
			}
		}
	})
}
