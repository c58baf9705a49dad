package core

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"proximity/store"
)

// Settings are the installation's defaults.
type Settings struct {
	Cores         int       `json:"default_cpu_cores"`
	MemoryMB      int       `json:"default_memory_mb"`
	DiskGB        int       `json:"default_disk_gb"`
	SwapMB        int       `json:"default_swap_mb"`
	Subnet        string    `json:"default_subnet"`
	Gateway       string    `json:"default_gateway"`
	DNS           []string  `json:"default_dns"`
	Bridge        string    `json:"default_bridge"`
	Network       string    `json:"network_mode"`                 // "dhcp" or "static": how new containers come by their address
	Reserved      []string  `json:"reserved_addresses,omitempty"` // of the subnet, never handed out: "10.0.0.1-10.0.0.99"
	GuestNetworks []string  `json:"guest_networks"`               // where published ports and tunnels may lead
	DeleteWait    int       `json:"delete_wait"`                  // seconds an app that is deleted can be kept after all
	UpdatedAt     time.Time `json:"updated_at,omitzero"`
}

// defaultSettings are what a new installation starts with. Published ports lead
// into private networks only: a container can claim any address.
func defaultSettings() Settings {
	return Settings{
		Cores: 2, MemoryMB: 2048, DiskGB: 20, SwapMB: 512,
		Subnet: "10.0.0.0/24", Gateway: "10.0.0.1", DNS: []string{"8.8.8.8", "8.8.4.4"}, Bridge: "vmbr0", Network: NetworkDHCP,
		GuestNetworks: []string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"},
		DeleteWait:    600,
	}
}

type settingsRow struct {
	ID string
	Settings
}

func newSettingsTable() *store.Table[settingsRow] {
	return store.NewTable("settings", func(r settingsRow) string { return r.ID })
}

func (c *Core) loadSettings() error {
	return c.store.View(func(tx *store.Tx) error {
		row, err := c.settingsTable.Get(tx, "settings")
		if errors.Is(err, store.ErrNotFound) {
			row.Settings, err = defaultSettings(), nil
		}
		if err != nil {
			return err
		}
		row.complete()
		if len(c.cfg.GuestNetworks) > 0 {
			row.GuestNetworks = c.cfg.GuestNetworks
		}
		c.settings.Store(&row.Settings)
		return nil
	})
}

// complete fills in what was not a setting yet when they were written.
func (s *Settings) complete() {
	first := defaultSettings()
	s.DeleteWait, s.Network = cmp.Or(s.DeleteWait, first.DeleteWait), cmp.Or(s.Network, first.Network)
}

// Settings are the defaults in force.
func (c *Core) Settings() Settings { return *c.settings.Load() }

// Resources are the sizes an app gets that asks for none.
type Resources struct{ Cores, MemoryMB, DiskGB, SwapMB int }

// SetResources changes the sizes of apps to come.
func (c *Core) SetResources(_ context.Context, a Actor, r Resources) (Settings, error) {
	return c.changeSettings(a, "settings.resources", func(s *Settings) error {
		s.Cores, s.MemoryMB, s.DiskGB, s.SwapMB = r.Cores, r.MemoryMB, r.DiskGB, r.SwapMB
		return nil
	})
}

// Network is what new containers are connected to.
type Network struct {
	Subnet, Gateway string
	DNS             []string // one or two
	Bridge          string
}

// SetNetwork changes the network of apps to come.
func (c *Core) SetNetwork(_ context.Context, a Actor, n Network) (Settings, error) {
	return c.changeSettings(a, "settings.network", func(s *Settings) error {
		s.Subnet, s.Gateway, s.DNS, s.Bridge = n.Subnet, n.Gateway, slices.Clone(n.DNS), n.Bridge
		return nil
	})
}

// changeSettings writes a change and puts it in force.
func (c *Core) changeSettings(a Actor, action string, change func(*Settings) error) (Settings, error) {
	err := a.May(VerbSettings, "")
	var before, after settingsRow
	if err == nil {
		err = c.store.Update(func(tx *store.Tx) error {
			var err error
			after, err = c.settingsTable.Get(tx, "settings")
			if errors.Is(err, store.ErrNotFound) {
				after, err = settingsRow{ID: "settings", Settings: defaultSettings()}, nil
			}
			if err != nil {
				return err
			}
			after.complete()
			before = after
			if err := change(&after.Settings); err != nil {
				return err
			}
			if err := after.check(); err != nil {
				return err
			}
			after.UpdatedAt = c.now()
			return c.settingsTable.Put(tx, after)
		})
	}
	detail := ""
	if err == nil {
		err = c.loadSettings()
		detail = differing(before.Settings, after.Settings)
		c.changed()
	}
	c.audit(a, action, "", err, detail)
	return c.Settings(), err
}

// differing says which settings are other now.
func differing(before, after Settings) string {
	var words []string
	for _, k := range settingKeys() {
		if was, now := k.get(before), k.get(after); was != now {
			words = append(words, fmt.Sprintf("%s %s → %s", k.name, was, now))
		}
	}
	return strings.Join(words, ", ")
}

// guestAddress reports whether published ports and tunnels may lead to addr.
func (c *Core) guestAddress(addr netip.Addr) bool {
	for _, n := range c.Settings().GuestNetworks {
		if p, err := netip.ParsePrefix(n); err == nil && p.Contains(addr.Unmap()) {
			return true
		}
	}
	return false
}
