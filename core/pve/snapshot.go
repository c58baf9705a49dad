package pve

import (
	"cmp"
	"slices"
	"time"
)

// Snapshot is what the host last said. It never changes once published: do not write to it.
type Snapshot struct {
	At      time.Time     // when the host last answered; zero = never
	Err     error         `json:"-"` // of the last try; nil = fresh, or never tried
	Since   time.Time     // first failure of the present outage; zero = none
	Tries   int           // failures since
	NextTry time.Time     // when the next poll is due
	Took    time.Duration // of the last try
	Resources

	sorted bool // guests by vmid
}

// Fresh says whether the last try succeeded.
func (s *Snapshot) Fresh() bool { return s.Err == nil && !s.At.IsZero() && s.Since.IsZero() }

// Guest finds a guest by its vmid.
func (s *Snapshot) Guest(vmid int) (Guest, bool) {
	var i int
	var found bool
	if s.sorted {
		i, found = slices.BinarySearchFunc(s.Guests, vmid, func(g Guest, id int) int { return cmp.Compare(g.VMID, id) })
	} else { // made by hand or read from JSON
		i = slices.IndexFunc(s.Guests, func(g Guest) bool { return g.VMID == vmid })
		found = i >= 0
	}
	if !found {
		return Guest{}, false
	}
	return s.Guests[i], true
}

// Node finds a node by its name.
func (s *Snapshot) Node(name string) (Node, bool) {
	i := slices.IndexFunc(s.Nodes, func(n Node) bool { return n.Name == name })
	if i < 0 {
		return Node{}, false
	}
	return s.Nodes[i], true
}

// Storage finds a storage by its name, as one node sees it.
func (s *Snapshot) Storage(node, name string) (Storage, bool) {
	i := slices.IndexFunc(s.Storages, func(st Storage) bool { return st.Node == node && st.Name == name })
	if i < 0 {
		return Storage{}, false
	}
	return s.Storages[i], true
}

func (r Resources) clone() Resources {
	return Resources{Nodes: slices.Clone(r.Nodes), Guests: slices.Clone(r.Guests), Storages: slices.Clone(r.Storages)}
}
