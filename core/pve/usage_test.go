package pve

import (
	"errors"
	"reflect"
	"testing"
	"time"
)

func TestUsages(t *testing.T) {
	v := func(f float64) *float64 { return &f }
	const route = "GET /nodes/pve1/lxc/100/rrddata"
	for name, tt := range map[string]struct {
		answer string
		want   []Usage
	}{
		"numbers and strings": {`[{"time":1795409220,"cpu":0.25,"maxcpu":2,"mem":"1048576","maxmem":2097152,"disk":4096,"maxdisk":8192,"netin":10.5,"netout":"0","diskread":1,"pressurecpusome":"0.00"}]`,
			[]Usage{{At: time.Unix(1795409220, 0), CPU: v(0.25), Cores: v(2), Mem: v(1048576), MaxMem: v(2097152), Disk: v(4096), MaxDisk: v(8192), NetIn: v(10.5), NetOut: v(0)}}},
		"before it was made": {`[{"time":1795409220},{"time":"1795409280","cpu":null}]`, []Usage{{At: time.Unix(1795409220, 0)}, {At: time.Unix(1795409280, 0)}}},
		"stopped":            {`[{"time":1795409220,"maxcpu":0.5,"maxmem":1024,"maxdisk":8192,"disk":0}]`, []Usage{{At: time.Unix(1795409220, 0), Cores: v(0.5), MaxMem: v(1024), MaxDisk: v(8192)}}},
		"no numbers":         {`[{"time":1795409220,"cpu":"NaN","mem":"U","netin":-3,"netout":"Infinity","disk":{}},{"time":"never","cpu":1},{"cpu":1}]`, []Usage{{At: time.Unix(1795409220, 0)}}},
		"out of order":       {`[{"time":1795409280},{"time":1795409220}]`, []Usage{{At: time.Unix(1795409220, 0)}, {At: time.Unix(1795409280, 0)}}},
		"nothing":            {`[]`, []Usage{}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.data(route, tt.answer)
			got, err := f.client(t, Config{}).Usages(testContext(t), "pve1", 100, "week")
			if err != nil || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got\n%+v, %v\nwant\n%+v", got, err, tt.want)
			}
			if q := f.requests(route)[0].query; q != "cf=AVERAGE&timeframe=week" {
				t.Errorf("asked for %q", q)
			}
		})
	}
	f := newFake(t)
	f.status(route, 500, "Configuration file 'nodes/pve1/lxc/100.conf' does not exist", `{"data":null}`)
	if _, err := f.client(t, Config{}).Usages(testContext(t), "pve1", 100, "hour"); !errors.Is(err, ErrNotFound) {
		t.Errorf("a container that is not there: %v", err)
	}
}
