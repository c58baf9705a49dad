package core

import (
	"cmp"
	"errors"
	"net/netip"
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
		row.DeleteWait = cmp.Or(row.DeleteWait, defaultSettings().DeleteWait) // not there before it was a setting
		if len(c.cfg.GuestNetworks) > 0 {
			row.GuestNetworks = c.cfg.GuestNetworks
		}
		c.settings.Store(&row.Settings)
		return nil
	})
}

// Settings are the defaults in force.
func (c *Core) Settings() Settings { return *c.settings.Load() }

// guestAddress reports whether published ports and tunnels may lead to addr.
func (c *Core) guestAddress(addr netip.Addr) bool {
	for _, n := range c.Settings().GuestNetworks {
		if p, err := netip.ParsePrefix(n); err == nil && p.Contains(addr.Unmap()) {
			return true
		}
	}
	return false
}
