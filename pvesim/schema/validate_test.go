package schema

import (
	"strings"
	"testing"
)

func load(t testing.TB) *Schema {
	s, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestLookup(t *testing.T) {
	s := load(t)
	for _, x := range []struct{ verb, path, want, param, value string }{
		{"GET", "/version", "/version", "", ""},
		{"GET", "/nodes/pve1/lxc/100/config", "/nodes/{node}/lxc/{vmid}/config", "vmid", "100"},
		{"GET", "/nodes/pve1/storage/local/content/local:backup/a.tar", "/nodes/{node}/storage/{storage}/content/{volume}", "volume", "local:backup/a.tar"},
		{"POST", "/version", "", "", ""},
		{"GET", "/nosuch", "", "", ""},
		{"GET", "/nodes/pve1/lxc/100/config/more", "", "", ""},
	} {
		m, params := s.Lookup(x.verb, x.path)
		got := ""
		if m != nil {
			got = m.Path
		}
		if got != x.want || params[x.param] != x.value {
			t.Errorf("%s %s: %q with %v", x.verb, x.path, got, params)
		}
	}
}

func TestCheckSaysWhatProxmoxSays(t *testing.T) {
	s := load(t)
	m, _ := s.Lookup("POST", "/nodes/pve1/lxc")
	base := func(more ...any) map[string]any {
		p := map[string]any{"node": "pve1", "vmid": "100", "ostemplate": "local:vztmpl/x.tar.zst"}
		for i := 0; i < len(more); i += 2 {
			p[more[i].(string)] = more[i+1]
		}
		return p
	}
	for _, x := range []struct {
		given map[string]any
		name  string
		want  string
	}{
		{base(), "", ""},
		{base("memory", nil), "", ""},
		{base("start", true), "", ""},
		{base("start", "true"), "start", "type check ('boolean') failed - got 'true'"},
		{base("memory", "lots"), "memory", "type check ('integer') failed - got 'lots'"},
		{base("memory", true), "memory", "type check ('integer') failed - got JSON::PP::Boolean"},
		{base("memory", []any{"1", "2"}), "memory", "type check ('integer') failed - got ARRAY"},
		{base("memory", "8"), "memory", "value must have a minimum value of 16"},
		{base("cores", "9000"), "cores", "value must have a maximum value of 8192"},
		{base("cpulimit", "0.5"), "", ""},
		{base("password", "abc"), "password", "value must be at least 5 characters long"},
		{base("hostname", "bad_host"), "hostname", "invalid format - value does not look like a valid DNS name\n"},
		{base("unique", "1"), "restore", "missing property required by 'unique'"},
		{base("net31", "name=eth0"), "", ""},
		{base("net32", "name=eth0"), "net32", "property is not defined in schema and the schema does not allow additional properties"},
		{base("net0", "name=eth0,ip=dhcp,colour=red"), "net0", "invalid format - invalid key in comma-separated list property: colour\n"},
		{base("net0", "name=eth0,tag=5000"), "net0", "invalid format - format error\nnet0.tag: value must have a maximum value of 4094\n"},
		{base("net0", "name=eth0,hwaddr=03:00:00:00:00:01"), "net0", "invalid format - format error\nnet0.hwaddr: invalid format - value does not look like a valid unicast MAC address\n\n"},
		{base("net0", "name=eth0,name=eth1"), "net0", "invalid format - duplicate key in comma-separated list property: name\n"},
		{base("features", "nesting=yes"), "", ""},
		{base("features", "nesting=yes-please"), "features", "invalid format - format error\nfeatures.nesting: type check ('boolean') failed - got 'yes-please'\n"},
		{base("rootfs", "local-lvm:8,acl=1"), "", ""},
		{base("tags", "a b!"), "tags", "invalid format - invalid characters in tag\n"},
		{base("nameserver", "not-an-ip"), "nameserver", "invalid format - value does not look like a valid IP address\n"},
	} {
		_, errs := m.Check(x.given)
		if errs[x.name] != x.want || len(errs) > 1 || x.want == "" && len(errs) > 0 {
			t.Errorf("%v: %q, want %s: %q", x.given, errs, x.name, x.want)
		}
	}
	if _, errs := m.Check(map[string]any{"node": "pve1"}); len(errs) != 2 {
		t.Errorf("without vmid and ostemplate: %q", errs)
	}
	if out, _ := m.Check(base("start", true, "memory", 512.0)); out["start"] != "1" || out["memory"] != "512" {
		t.Errorf("as text: %v", out)
	}
}

func TestPrivilegesAreChecked(t *testing.T) {
	m, _ := load(t).Lookup("POST", "/access/roles")
	if _, errs := m.Check(map[string]any{"roleid": "r", "privs": "VM.Audit VM.Monitor"}); errs["privs"] != "invalid format - invalid privilege 'VM.Monitor'\n" {
		t.Errorf("%q", errs)
	}
}

func FuzzParseProperties(f *testing.F) {
	m, _ := load(f).Lookup("POST", "/nodes/pve1/lxc")
	keys := m.Property("net0").Keys
	for _, s := range []string{"name=eth0,bridge=vmbr0,ip=dhcp", "name=eth0,ip=1.2.3.4", "=", ",,", "name", "name=eth0,firewall=on"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		values, err := ParseProperties(keys, "net0", s)
		if err != nil {
			if !strings.HasSuffix(err.Error(), "\n") {
				t.Errorf("%q: error %q does not end its line", s, err)
			}
			return
		}
		var parts []string
		for k, v := range values {
			parts = append(parts, k+"="+v)
		}
		again, err := ParseProperties(keys, "net0", strings.Join(parts, ","))
		if err != nil || len(again) != len(values) {
			t.Errorf("%q reads as %v, which reads as %v, %v", s, values, again, err)
		}
	})
}
