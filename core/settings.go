package core

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
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

// Resources are the sizes an app gets that asks for none.
type Resources struct {
	Cores    int `json:"default_cpu_cores"`
	MemoryMB int `json:"default_memory_mb"`
	DiskGB   int `json:"default_disk_gb"`
	SwapMB   int `json:"default_swap_mb"`
}

// SetResources changes the sizes of apps to come.
func (c *Core) SetResources(_ context.Context, a Actor, r Resources) (Settings, error) {
	return c.changeSettings(a, "settings.resources", func(s *Settings) error {
		for _, f := range []struct {
			field, unit   string
			value, lo, hi int
		}{
			{"default_cpu_cores", "cores", r.Cores, 1, 128},
			{"default_memory_mb", "MB", r.MemoryMB, 256, 524288},
			{"default_disk_gb", "GB", r.DiskGB, 1, 10240},
			{"default_swap_mb", "MB", r.SwapMB, 0, 32768},
		} {
			if f.value < f.lo || f.value > f.hi {
				return invalid(f.field, fmt.Sprintf("%d-%d", f.lo, f.hi), "%d %s is out of range", f.value, f.unit)
			}
		}
		s.Cores, s.MemoryMB, s.DiskGB, s.SwapMB = r.Cores, r.MemoryMB, r.DiskGB, r.SwapMB
		return nil
	})
}

// Network is what new containers are connected to.
type Network struct {
	Subnet  string   `json:"default_subnet"`
	Gateway string   `json:"default_gateway"`
	DNS     []string `json:"default_dns"` // one or two
	Bridge  string   `json:"default_bridge"`
}

// SetNetwork changes the network of apps to come.
func (c *Core) SetNetwork(_ context.Context, a Actor, n Network) (Settings, error) {
	return c.changeSettings(a, "settings.network", func(s *Settings) error {
		if err := n.check(); err != nil {
			return err
		}
		s.Subnet, s.Gateway, s.DNS, s.Bridge = n.Subnet, n.Gateway, slices.Clone(n.DNS), n.Bridge
		return nil
	})
}

// bridgeRule is what Proxmox takes as the name of a bridge (pve-bridge-id), and
// the names Linux gives to interfaces.
var bridgeRule = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_.-]{0,49}$`)

func (n Network) check() error {
	bad := func(field, text string) error {
		return invalid(field, "write it as 10.0.0.0/24, 10.0.0.1", "Invalid IP address or CIDR notation: %s", SafeText(text, 60))
	}
	subnet, err := netip.ParsePrefix(n.Subnet)
	if err != nil || !subnet.Addr().Is4() {
		return bad("default_subnet", n.Subnet)
	}
	gateway, err := netip.ParseAddr(n.Gateway)
	if err != nil || !gateway.Is4() {
		return bad("default_gateway", n.Gateway)
	}
	if !subnet.Contains(gateway) {
		return invalid("default_gateway", "choose an address of the subnet", "%s is not in %s", gateway, subnet.Masked())
	}
	if len(n.DNS) < 1 || len(n.DNS) > 2 {
		return invalid("default_dns", "give one or two", "%d name servers are given", len(n.DNS))
	}
	for i, d := range n.DNS {
		if ip, err := netip.ParseAddr(d); err != nil || ip.Zone() != "" {
			return bad([]string{"default_dns_primary", "default_dns_secondary"}[i], d)
		}
	}
	if !bridgeRule.MatchString(n.Bridge) {
		return invalid("default_bridge", "as in vmbr0", "%q is not the name of a bridge", SafeText(n.Bridge, 60))
	}
	return nil
}

// SetGuestNetworks changes where published ports and tunnels may lead.
func (c *Core) SetGuestNetworks(_ context.Context, a Actor, networks []string) (Settings, error) {
	return c.changeSettings(a, "settings.guest_networks", func(s *Settings) error {
		if len(c.cfg.GuestNetworks) > 0 {
			return &Error{Kind: ErrConflict, Field: "guest_networks", Text: "the server was started with --guest-network", Hint: "start it without to use the setting"}
		}
		for _, n := range networks {
			p, err := netip.ParsePrefix(n)
			if err != nil {
				return invalid("guest_networks", "write them as 10.0.0.0/8", "%q is not a network", SafeText(n, 60))
			}
			if p.Overlaps(netip.MustParsePrefix("127.0.0.0/8")) || p.Contains(netip.IPv6Loopback()) || p.Overlaps(netip.MustParsePrefix("169.254.0.0/16")) || p.Overlaps(netip.MustParsePrefix("fe80::/10")) {
				return invalid("guest_networks", "leave loopback and link-local addresses out", "%s would lead back into this machine", p)
			}
		}
		s.GuestNetworks = slices.Clone(networks)
		return nil
	})
}

// changeSettings writes a change and puts it in force.
func (c *Core) changeSettings(a Actor, action string, change func(*Settings) error) (Settings, error) {
	err := a.May(VerbSettings, "")
	var row settingsRow
	if err == nil {
		err = c.store.Update(func(tx *store.Tx) error {
			var err error
			row, err = c.settingsTable.Get(tx, "settings")
			if errors.Is(err, store.ErrNotFound) {
				row, err = settingsRow{ID: "settings", Settings: defaultSettings()}, nil
			}
			if err != nil {
				return err
			}
			if err := change(&row.Settings); err != nil {
				return err
			}
			row.UpdatedAt = c.now()
			return c.settingsTable.Put(tx, row)
		})
	}
	detail := ""
	if err == nil {
		err = c.loadSettings()
		b, _ := json.Marshal(row.Settings) // numbers and strings: cannot fail
		detail = string(b)
		c.changed()
	}
	c.audit(a, action, "", err, detail)
	return c.Settings(), err
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
