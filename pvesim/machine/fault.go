package machine

// Fault makes a machine misbehave on purpose. Its forms:
//
//	apparmor                  no container starts: runc's text of the AppArmor fault of late 2025
//	pull:<image>:<text>       pulling that image fails with the text
//	no-network                package managers and pulls fail as without a network
//	crash-loop:<service>      the service's container exits again and again
//	unhealthy:<service>       the service's health check never passes
//	slow-start:<duration>     containers take that much longer to become ready (not scaled)
type Fault string

// SetFault turns a fault on.
func (m *Machine) SetFault(f Fault) {}

// ClearFault turns a fault off.
func (m *Machine) ClearFault(f Fault) {}

// Fault reports whether a fault of that name (the part before the first colon) is on, with its detail.
func (m *Machine) Fault(name string) (detail string, on bool) { return "", false }
