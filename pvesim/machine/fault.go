package machine

import (
	"sort"
	"strings"
)

// Fault makes a machine misbehave on purpose. Its forms:
//
//	apparmor                  no container starts: runc's text of the AppArmor fault of late 2025
//	pull:<image>:<text>       pulling that image fails with the text; * = every image
//	no-network                package managers and pulls fail as without a network
//	crash-loop:<service>      the service's container exits again and again
//	unhealthy:<service>       the service's health check never passes
//	slow-start:<duration>     containers take that much longer to become ready (not scaled)
type Fault string

// SetFault turns a fault on. It concerns what happens from then on.
func (m *Machine) SetFault(f Fault) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.faults == nil {
		m.faults = map[Fault]bool{}
	}
	m.faults[f] = true
}

// ClearFault turns a fault off.
func (m *Machine) ClearFault(f Fault) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.faults, f)
}

// Fault reports whether a fault of that name (the part before the first colon) is on, with its detail: what follows
// that colon, one line for each fault of the name.
func (m *Machine) Fault(name string) (detail string, on bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var details []string
	for f := range m.faults {
		if kind, rest, _ := strings.Cut(string(f), ":"); kind == name {
			details = append(details, rest)
		}
	}
	sort.Strings(details)
	return strings.Join(details, "\n"), len(details) > 0
}
