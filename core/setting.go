package core

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// SettingView is one setting as people see and change it.
type SettingView struct {
	Key     string   `json:"key"`
	Value   string   `json:"value"`
	Default string   `json:"default"`
	Help    string   `json:"help"`
	Options []string `json:"options,omitempty"` // where only these are taken
}

// settingKey is a setting by the name people call it.
type settingKey struct {
	name, help string
	options    []string
	get        func(Settings) string
	set        func(s *Settings, text string) error
}

// settingKeys are the settings in the order they are shown.
func settingKeys() []settingKey {
	number := func(name, help string, at func(*Settings) *int) settingKey {
		return settingKey{name: name, help: help, get: func(s Settings) string { return strconv.Itoa(*at(&s)) }, set: func(s *Settings, text string) error {
			n, err := strconv.Atoi(text)
			if err != nil {
				return invalid(name, "as in "+strconv.Itoa(*at(s)), "%q is not a number", SafeText(text, 40))
			}
			*at(s) = n
			return nil
		}}
	}
	word := func(name, help string, at func(*Settings) *string) settingKey {
		return settingKey{name: name, help: help, get: func(s Settings) string { return *at(&s) }, set: func(s *Settings, text string) error {
			*at(s) = text
			return nil
		}}
	}
	list := func(name, help string, at func(*Settings) *[]string) settingKey {
		return settingKey{name: name, help: help, get: func(s Settings) string { return strings.Join(*at(&s), ", ") }, set: func(s *Settings, text string) error {
			*at(s) = fields(text)
			return nil
		}}
	}
	return []settingKey{
		number("cores", "of apps that ask for none", func(s *Settings) *int { return &s.Cores }),
		number("memory", "MB, of apps that ask for none", func(s *Settings) *int { return &s.MemoryMB }),
		number("disk", "GB, of apps that ask for none", func(s *Settings) *int { return &s.DiskGB }),
		number("swap", "MB, of apps that ask for none", func(s *Settings) *int { return &s.SwapMB }),
		word("bridge", "that new containers are connected to", func(s *Settings) *string { return &s.Bridge }),
		{name: "subnet", help: "of new containers; with its gateway: 10.9.0.0/16 10.9.0.1", get: func(s Settings) string { return s.Subnet }, set: func(s *Settings, text string) error {
			s.Subnet = text
			if words := fields(text); len(words) == 2 { // neither can change without the other
				s.Subnet, s.Gateway = words[0], words[1]
			}
			return nil
		}},
		word("gateway", "of that subnet", func(s *Settings) *string { return &s.Gateway }),
		list("dns", "one or two name servers", func(s *Settings) *[]string { return &s.DNS }),
		{name: "network", help: "how new containers come by their address", options: []string{NetworkDHCP, NetworkStatic}, get: func(s Settings) string { return s.Network }, set: func(s *Settings, text string) error {
			s.Network = text
			return nil
		}},
		{name: "reserved", help: "of the subnet, never handed out: 10.0.0.1-10.0.0.99, or none", get: func(s Settings) string { return cmp.Or(strings.Join(s.Reserved, ", "), "none") }, set: func(s *Settings, text string) error {
			if s.Reserved = fields(text); text == "none" {
				s.Reserved = nil
			}
			return nil
		}},
		list("guest-networks", "where published ports and tunnels may lead", func(s *Settings) *[]string { return &s.GuestNetworks }),
		{name: "delete-wait", help: "how long an app that is deleted can be kept after all", get: func(s Settings) string { return waitText(s.DeleteWait) }, set: func(s *Settings, text string) error {
			d, err := time.ParseDuration(text)
			if err != nil {
				return invalid("delete-wait", "as in 10m or 1h", "%q is not a time", SafeText(text, 40))
			}
			s.DeleteWait = int(d.Seconds())
			return nil
		}},
	}
}

// fields are the words of a list.
func fields(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
}

// waitText is a number of seconds as people write it: 10m, 1h30m, 90s.
func waitText(seconds int) string {
	s := (time.Duration(seconds) * time.Second).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// SettingsList shows every setting.
func (c *Core) SettingsList() []SettingView {
	now, first := c.Settings(), defaultSettings()
	var views []SettingView
	for _, k := range settingKeys() {
		views = append(views, SettingView{Key: k.name, Value: k.get(now), Default: k.get(first), Help: k.help, Options: k.options})
	}
	return views
}

// SetSetting changes one setting by its name.
func (c *Core) SetSetting(_ context.Context, a Actor, name, text string) (Settings, error) {
	return c.changeSettings(a, "settings."+SafeText(name, 20), func(s *Settings) error {
		for _, k := range settingKeys() {
			if k.name != name {
				continue
			}
			if name == "guest-networks" && len(c.cfg.GuestNetworks) > 0 {
				return &Error{Kind: ErrConflict, Field: name, Text: "the server was started with --guest-network", Hint: "start it without to use the setting"}
			}
			return k.set(s, strings.TrimSpace(text))
		}
		return invalid("key", "`settings` lists them", "there is no setting %q", SafeText(name, 40))
	})
}

// bridgeRule is what Proxmox takes as the name of a bridge (pve-bridge-id), and
// the names Linux gives to interfaces.
var bridgeRule = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_.-]{0,49}$`)

// check refuses settings that make no sense, by the names the API has for
// them.
func (s Settings) check() error {
	for _, f := range []struct {
		field, unit   string
		value, lo, hi int
	}{
		{"default_cpu_cores", "cores", s.Cores, 1, 128},
		{"default_memory_mb", "MB", s.MemoryMB, 256, 524288},
		{"default_disk_gb", "GB", s.DiskGB, 1, 10240},
		{"default_swap_mb", "MB", s.SwapMB, 0, 32768},
		{"delete_wait", "seconds", s.DeleteWait, 10, 7 * 24 * 3600},
	} {
		if f.value < f.lo || f.value > f.hi {
			return invalid(f.field, fmt.Sprintf("%d-%d", f.lo, f.hi), "%d %s is out of range", f.value, f.unit)
		}
	}
	if err := s.checkNetwork(); err != nil {
		return err
	}
	return s.checkGuestNetworks()
}

func (s Settings) checkNetwork() error {
	bad := func(field, text string) error {
		return invalid(field, "write it as 10.0.0.0/24, 10.0.0.1", "Invalid IP address or CIDR notation: %s", SafeText(text, 60))
	}
	subnet, err := netip.ParsePrefix(s.Subnet)
	if err != nil || !subnet.Addr().Is4() {
		return bad("default_subnet", s.Subnet)
	}
	gateway, err := netip.ParseAddr(s.Gateway)
	if err != nil || !gateway.Is4() {
		return bad("default_gateway", s.Gateway)
	}
	if !subnet.Contains(gateway) {
		return invalid("default_gateway", "choose an address of the subnet", "%s is not in %s", gateway, subnet.Masked())
	}
	if len(s.DNS) < 1 || len(s.DNS) > 2 {
		return invalid("default_dns", "give one or two", "%d name servers are given", len(s.DNS))
	}
	for i, d := range s.DNS {
		if ip, err := netip.ParseAddr(d); err != nil || ip.Zone() != "" {
			return bad([]string{"default_dns_primary", "default_dns_secondary"}[i], d)
		}
	}
	if !bridgeRule.MatchString(s.Bridge) {
		return invalid("default_bridge", "as in vmbr0", "%q is not the name of a bridge", SafeText(s.Bridge, 60))
	}
	return s.checkHandingOut()
}

// checkHandingOut sees to it that static addresses can be handed out, if they
// are to be.
func (s Settings) checkHandingOut() error {
	for _, text := range s.Reserved {
		if _, err := parseRange(text); err != nil {
			return err
		}
	}
	switch s.Network {
	case NetworkDHCP:
		return nil
	case NetworkStatic:
		p, err := s.pool()
		if err != nil {
			return err
		}
		if _, ok := p.lowest(nil); !ok {
			return invalid("reserved_addresses", "leave some free", "no address of %s is left to hand out", p.subnet)
		}
		return nil
	}
	return invalid("network_mode", "dhcp or static", "%q is no way to an address", SafeText(s.Network, 40))
}

// checkGuestNetworks keeps ports from leading back into this machine.
func (s Settings) checkGuestNetworks() error {
	own := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128"), netip.MustParsePrefix("169.254.0.0/16"), netip.MustParsePrefix("fe80::/10")}
	for _, n := range s.GuestNetworks {
		p, err := netip.ParsePrefix(n)
		if err != nil {
			return invalid("guest_networks", "write them as 10.0.0.0/8", "%q is not a network", SafeText(n, 60))
		}
		for _, o := range own {
			if p.Overlaps(o) {
				return invalid("guest_networks", "leave loopback and link-local addresses out", "%s would lead back into this machine", p)
			}
		}
	}
	return nil
}
