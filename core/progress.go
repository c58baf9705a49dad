package core

import (
	"regexp"
	"strconv"
	"strings"
)

// meter reads real progress out of what tasks and scripts print, and tells
// lines that only draw a bar from those worth keeping.
type meter struct{ layers, pulled int }

var (
	download = regexp.MustCompile(`^\s*\d+K [ .]*(\d{1,3})% `)                        // wget, in task logs
	counted  = regexp.MustCompile(`^\((\d+)/(\d+)\) `)                                // apk: (3/25) Installing …
	layer    = regexp.MustCompile(`^[0-9a-f]{12}:? (Pulling fs layer|Pull complete)`) // docker pull
	dumped   = regexp.MustCompile(`^INFO: +(\d{1,3})% \(`)                            // vzdump, where it counts
	layerBar = regexp.MustCompile(`^[0-9a-f]{12}:? (Waiting|Verifying|Download|Extracting|Already exists)`)
)

// stages are lines of vzdump and of a restore that tell how far it is. Proxmox:
// a container's archive is one tar, which counts nothing on its way.
var stages = []struct {
	line string
	f    float64
}{
	{"INFO: Starting Backup of VM", 0.05}, {"INFO: create storage snapshot", 0.1}, {"INFO: first sync finished", 0.3}, {"INFO: final sync finished", 0.4},
	{"INFO: creating vzdump archive", 0.45}, {"INFO: Total bytes written", 0.9}, {"INFO: archive file size", 0.95}, {"INFO: Finished Backup of VM", 1},
	{"recovering backed-up configuration", 0.05}, {"restoring '", 0.2}, {"Total bytes read", 0.9}, {"merging backed-up", 0.95},
}

// read takes one line. known says that f (0..1) is how far it is; bar that the
// line says nothing else.
func (m *meter) read(line string) (f float64, known, bar bool) {
	if g := download.FindStringSubmatch(line); g != nil {
		n, _ := strconv.Atoi(g[1])
		return min(float64(n)/100, 1), true, true
	}
	if g := counted.FindStringSubmatch(line); g != nil {
		n, _ := strconv.Atoi(g[1])
		of, _ := strconv.Atoi(g[2])
		return min(float64(n)/max(float64(of), 1), 1), true, false
	}
	if g := layer.FindStringSubmatch(line); g != nil {
		if g[1] == "Pull complete" {
			m.pulled++
		} else {
			m.layers++
		}
		return min(float64(m.pulled)/max(float64(m.layers), 1), 1), true, true
	}
	if g := dumped.FindStringSubmatch(line); g != nil {
		n, _ := strconv.Atoi(g[1])
		return min(float64(n)/100, 1), true, true
	}
	for _, s := range stages {
		if strings.HasPrefix(line, s.line) {
			return s.f, true, false
		}
	}
	return 0, false, layerBar.MatchString(line)
}
