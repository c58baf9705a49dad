package pve

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"runtime"
	"testing"
)

const someResources = `[
 {"netout":1200,"mem":925696,"disk":2482176,"diskread":7,"netin":878,"maxmem":209715200,"memhost":0,"template":0,"name":"t120","cpu":0.25,"uptime":5,"type":"lxc","node":"pve1","vmid":120,"maxdisk":1020702720,"maxcpu":0.5,"diskwrite":9,"id":"lxc/120","status":"running","tags":"prox;web","lock":"backup","pool":"proximity","hastate":"started"},
 {"type":"lxc","id":"lxc/123","status":"unknown","node":"pve1","vmid":"123"},
 {"type":"qemu","id":"qemu/90","status":"stopped","node":"pve2","vmid":90,"name":"w\u00fcnderlich \"x\"","template":1,"maxcpu":"4","mem":"12","cpu":-0.001,"netin":null,"extra":{"a":[1,"]"]},"more":[{}]},
 {"mem":2279301120,"disk":24156844032,"maxmem":25276510208,"cgroup-mode":1,"cpu":0.471003530005043,"uptime":3045,"type":"node","node":"pve1","maxcpu":2,"maxdisk":270553174016,"level":"","id":"node/pve1","status":"online"},
 {"type":"node","node":"pve0","status":"offline","id":"node/pve0"},
 {"content":"snippets,iso,vztmpl","id":"storage/pve1/local","status":"available","maxdisk":270553174016,"shared":0,"node":"pve1","plugintype":"dir","storage":"local","disk":24159539200,"type":"storage"},
 {"id":"/pool/x","pool":"x","type":"pool"},
 {"id":"network/pve1/zone/localnetwork","type":"network","node":"pve1","status":"ok"}
]`

func TestResources(t *testing.T) {
	f := newFake(t)
	f.data("GET /cluster/resources", someResources)
	got, err := f.client(t, Config{}).Resources(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	want := Resources{
		Nodes: []Node{{Name: "pve0", Status: "offline"},
			{Name: "pve1", Status: "online", CPU: 0.471003530005043, MaxCPU: 2, Mem: 2279301120, MaxMem: 25276510208, Disk: 24156844032, MaxDisk: 270553174016, Uptime: 3045, Online: true}},
		Guests: []Guest{
			{VMID: 90, Type: "qemu", Node: "pve2", Name: `wünderlich "x"`, Status: "stopped", Template: true, MaxCPU: 4, Mem: 12},
			{VMID: 120, Type: "lxc", Node: "pve1", Name: "t120", Status: "running", CPU: 0.25, MaxCPU: 0.5, Mem: 925696, MaxMem: 209715200, Disk: 2482176,
				MaxDisk: 1020702720, NetIn: 878, NetOut: 1200, Uptime: 5, Lock: "backup"},
			{VMID: 123, Type: "lxc", Node: "pve1", Status: "unknown"}},
		Storages: []Storage{{Name: "local", Node: "pve1", Status: "available", PluginType: "dir", Content: []string{"snippets", "iso", "vztmpl"}, Disk: 24159539200, MaxDisk: 270553174016}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
	if n := len(f.requests("")); n != 1 {
		t.Errorf("took %d requests", n)
	}
}

func TestNoResources(t *testing.T) {
	for _, empty := range []string{`[]`, `null`, ` [ ] `} {
		if r, err := decodeResources([]byte(empty)); err != nil || r.Guests != nil || r.Nodes != nil {
			t.Errorf("%s: %+v, %v", empty, r, err)
		}
	}
	for _, bad := range []string{``, `{}`, `[`, `[{]`, `[{"a"}]`, `[{"a":1}`, `[{"a":1},]`, `[1]`, `[{"a":"x]`, `[{"a":[}]`, `[]x`, `[{"a":tru}]`, `[{"a":"\`} {
		if r, err := decodeResources([]byte(bad)); err == nil {
			t.Errorf("%s passed for %+v", bad, r)
		}
	}
}

// Whatever encoding/json takes for a list of objects, we read the same words from it.
func FuzzScanRows(f *testing.F) {
	f.Add([]byte(someResources))
	f.Add([]byte(`[{"a":"\u0061\"\\","b":[1,{"c":"]"}],"d":-1.5e3,"e":true,"f":null}]`))
	f.Add([]byte(`[{"a":1,"a":2},{}]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var got []map[string]string
		now := map[string]string{}
		err := scanRows(data, func(key, value []byte) { now[string(key)] = textOf(value) }, func() {
			got, now = append(got, now), map[string]string{}
		})
		decodeResources(data) // must not fall over
		var want []map[string]json.RawMessage
		if json.Unmarshal(data, &want) != nil {
			return // we may be more generous
		}
		if err != nil {
			t.Fatalf("%s: %v", data, err)
		}
		if len(got) != len(want) {
			t.Fatalf("%s: %d rows, want %d", data, len(got), len(want))
		}
		for i, row := range want {
			if bytes.ContainsAny(data, `\`) || !bytes.Equal(bytes.ToValidUTF8(data, nil), data) {
				continue // keys are compared as they stand
			}
			for key, value := range row {
				if c := value[0]; c == '{' || c == '[' {
					continue
				}
				if got[i][key] != textOf(value) {
					t.Errorf("%s: %s is %q, want %q", data, key, got[i][key], textOf(value))
				}
			}
		}
	})
}

func FuzzNumbers(f *testing.F) {
	for _, s := range []string{`1`, `"1"`, `-0.5`, `1e400`, `"x"`, `null`, `true`, `99999999999999999999`, `""`, `"`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v := parseNumber(b)
		if math.IsNaN(v) || math.IsInf(v, 0) {
			t.Errorf("%q is %v", b, v)
		}
		parseFlag(b)
		var want float64
		if json.Unmarshal(b, &want) == nil && string(bytes.TrimSpace(b)) == string(b) && string(b) != "null" && v != want {
			t.Errorf("%q is %v, want %v", b, v, want)
		}
	})
}

// manyResources is a cluster of 32 nodes and so many guests, as Proxmox would list it.
func manyResources(guests int) []byte {
	var b bytes.Buffer
	b.WriteString("[")
	for i := range guests {
		fmt.Fprintf(&b, `{"netout":%d,"mem":%d,"disk":2482176,"diskread":1048576,"netin":%d,"maxmem":536870912,"memhost":0,"template":0,"name":"app-%d","cpu":0.0%d,"uptime":%d,"type":"lxc","node":"pve%d","vmid":%d,"maxdisk":8589934592,"maxcpu":2,"diskwrite":4096,"id":"lxc/%d","status":"running","tags":"proximity"},`,
			i*1000, 100000000+i, i*2000, i, i%90+10, i, i%32, 100+i, 100+i)
	}
	for i := range 32 {
		fmt.Fprintf(&b, `{"mem":2279301120,"disk":24156844032,"maxmem":25276510208,"cpu":0.47,"uptime":3045,"type":"node","node":"pve%d","maxcpu":16,"maxdisk":270553174016,"id":"node/pve%d","status":"online"},`, i, i)
	}
	return append(b.Bytes()[:b.Len()-1], ']')
}

func BenchmarkDecode10000Guests(b *testing.B) {
	data := manyResources(10000)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		r, err := decodeResources(data)
		if err != nil || len(r.Guests) != 10000 {
			b.Fatal(len(r.Guests), err)
		}
	}
}

// The whole way: TLS, go-proxmox, decoding.
func BenchmarkResourcesOf10000Guests(b *testing.B) {
	f := newFake(b)
	f.data("GET /cluster/resources", string(manyResources(10000)))
	c, ctx := f.client(b, Config{}), b.Context()
	b.ReportAllocs()
	for b.Loop() {
		if r, err := c.Resources(ctx); err != nil || len(r.Guests) != 10000 {
			b.Fatal(len(r.Guests), err)
		}
	}
}

func TestASnapshotOf10000GuestsIsSmall(t *testing.T) {
	data := manyResources(10000)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	r, err := decodeResources(data)
	if err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if used := int64(after.HeapAlloc) - int64(before.HeapAlloc); used > 8<<20 {
		t.Errorf("%d guests take %d kB, want at most 8 MB", len(r.Guests), used>>10)
	}
	runtime.KeepAlive(data)
	runtime.KeepAlive(r)
}
