package pvesim

// snapshot finds a container's snapshot, nil without.
func (g *guest) snapshot(name string) *snapshot {
	for _, s := range g.Snaps {
		if s.Name == name {
			return s
		}
	}
	return nil
}

type console struct{}
