package core

import "testing"

func TestMeterReadsRealProgress(t *testing.T) {
	t.Parallel()
	var m meter
	for _, c := range []struct {
		line       string
		f          float64
		known, bar bool
	}{
		{"  316K ........ ........ ........ ........  10% 40.1M 0s", 0.10, true, true},
		{"  316K .......... .......... .......... .......... .......... 100% 40.1M", 1, true, true},
		{"(3/12) Installing docker-cli (28.3.3-r3)", 0.25, true, false},
		{"2a085c6253e5 Pulling fs layer", 0, true, true},
		{"25981c50621b Pulling fs layer", 0, true, true},
		{"2a085c6253e5 Downloading [===>    ]  6.995MB/20.99MB", 0, false, true},
		{"2a085c6253e5 Pull complete", 0.5, true, true},
		{"25981c50621b: Pull complete", 1, true, true},
		{"db Pulled", 0, false, false},
		{"storage is 96% full", 0, false, false},
		{"(0/0) Nothing", 0, true, false},
	} {
		f, known, bar := m.read(c.line)
		if f != c.f || known != c.known || bar != c.bar {
			t.Errorf("%q is %v %v %v, want %v %v %v", c.line, f, known, bar, c.f, c.known, c.bar)
		}
	}
}
