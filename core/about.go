package core

import "time"

// About is what is worth knowing of a server.
type About struct {
	Version      string       `json:"version"`
	Started      time.Time    `json:"started"`
	HostKey      string       `json:"host_key"` // SHA256:…
	PublicHost   string       `json:"public_host"`
	ListenHost   string       `json:"listen_host"` // "" = all addresses
	Registration Registration `json:"registration"`
	Installation string       `json:"installation"`
}

// About tells, from memory.
func (c *Core) About() About {
	return About{Version: Version, Started: c.started, HostKey: c.ring.HostKeyFingerprint(), PublicHost: SafeText(c.cfg.PublicHost, 120), ListenHost: SafeText(c.cfg.ListenHost, 60),
		Registration: c.cfg.Registration, Installation: c.installation}
}
