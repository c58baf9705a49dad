package core

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
)

// The ways a container comes by its address.
const (
	NetworkDHCP   = "dhcp"   // a server on its bridge gives it one
	NetworkStatic = "static" // we hand one out from the configured subnet
)

// addressPool is what static addresses are handed out from, lowest first.
type addressPool struct {
	subnet   netip.Prefix
	gateway  netip.Addr
	reserved []addressRange
}

// addressRange is from one address to another, both in it.
type addressRange struct{ from, to netip.Addr }

// pool is what the settings hand out addresses from. Errors name the setting
// that is wrong.
func (s Settings) pool() (addressPool, error) {
	var p addressPool
	var err error
	if p.subnet, err = netip.ParsePrefix(s.Subnet); err != nil || !p.subnet.Addr().Is4() || p.subnet.Bits() > 30 {
		return p, invalid("default_subnet", "write it as 10.0.0.0/24, with room for some addresses", "%q is not a subnet to hand addresses out from", SafeText(s.Subnet, 40))
	}
	p.subnet = p.subnet.Masked()
	if p.gateway, err = netip.ParseAddr(s.Gateway); err != nil || !p.subnet.Contains(p.gateway) {
		return p, invalid("default_gateway", "give an address inside "+p.subnet.String(), "%q is not a gateway of that subnet", SafeText(s.Gateway, 40))
	}
	for _, text := range s.Reserved {
		r, err := parseRange(text)
		if err != nil {
			return p, err
		}
		p.reserved = append(p.reserved, r)
	}
	return p, nil
}

// parseRange reads "10.0.0.1-10.0.0.99", one address, or a subnet.
func parseRange(text string) (addressRange, error) {
	wrong := invalid("reserved_addresses", "write 10.0.0.1-10.0.0.99, one address, or a subnet", "%q is not a range of addresses", SafeText(text, 60))
	if p, err := netip.ParsePrefix(text); err == nil {
		return addressRange{p.Masked().Addr(), lastOf(p)}, nil
	}
	first, last, ranged := strings.Cut(text, "-")
	from, err := netip.ParseAddr(strings.TrimSpace(first))
	if err != nil {
		return addressRange{}, wrong
	}
	if !ranged {
		return addressRange{from, from}, nil
	}
	to, err := netip.ParseAddr(strings.TrimSpace(last))
	if err != nil || to.Less(from) || to.Is4() != from.Is4() {
		return addressRange{}, wrong
	}
	return addressRange{from, to}, nil
}

// lastOf is the highest address of a subnet: its broadcast address.
func lastOf(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	last, _ := netip.AddrFromSlice(b)
	return last
}

// barred says why an address is never handed out, and the next one that may
// be; "" = it may be.
func (p addressPool) barred(a netip.Addr) (why string, next netip.Addr) {
	switch {
	case !p.subnet.Contains(a):
		return "is not in " + p.subnet.String(), netip.Addr{}
	case a == p.subnet.Addr():
		return "is the network itself", a.Next()
	case a == lastOf(p.subnet):
		return "is the broadcast address of " + p.subnet.String(), netip.Addr{}
	case a == p.gateway:
		return "is the gateway", a.Next()
	}
	for _, r := range p.reserved {
		if !a.Less(r.from) && !r.to.Less(a) {
			return "is reserved", r.to.Next()
		}
	}
	return "", netip.Addr{}
}

// lowest is the lowest free address; false when there is none.
func (p addressPool) lowest(taken map[netip.Addr]string) (netip.Addr, bool) {
	for a := p.subnet.Addr(); a.IsValid() && p.subnet.Contains(a); {
		why, next := p.barred(a)
		switch _, used := taken[a]; {
		case why != "":
			a = next
		case used:
			a = a.Next()
		default:
			return a, true
		}
	}
	return netip.Addr{}, false
}

// addressInto gives the plan's app its static address: the one wanted, the
// lowest free one, or none where it is to ask for one by DHCP. want is "" (as
// the settings say), "dhcp", "static", or an address.
func (c *Core) addressInto(p *plan, want string, records []app) {
	set := c.Settings()
	if want == "" {
		want = set.Network
	}
	p.app.IP = ""
	if want == NetworkDHCP || want == "" {
		return
	}
	pool, err := set.pool()
	if err != nil {
		e := refused(err)
		e.Field, e.Text = "ip", "no address can be handed out: "+e.Text
		p.problem(e)
		return
	}
	taken := c.takenAddresses(p.app.ID, records)
	a, free := pool.lowest(taken)
	if want != NetworkStatic {
		if a, err = pool.wanted(want, taken); err != nil {
			p.problem(refused(err))
			return
		}
	} else if !free {
		p.problem(&Error{Kind: ErrUnavailable, Field: "ip", Text: "all addresses of " + pool.subnet.String() + " are taken or reserved", Hint: "delete an app, or have an admin widen the subnet"})
		return
	}
	if !c.guestAddress(a) {
		p.problem(invalid("ip", "have an admin add the subnet to the guest networks", "%s is outside the guest networks: no port could be published from there", a))
		return
	}
	p.app.IP = netip.PrefixFrom(a, pool.subnet.Bits()).String()
	p.app.Gateway = pool.gateway.String()
}

// wanted checks an address that somebody asks for.
func (p addressPool) wanted(text string, taken map[netip.Addr]string) (netip.Addr, error) {
	address, _, _ := strings.Cut(text, "/")
	a, err := netip.ParseAddr(address)
	if err != nil {
		return a, invalid("ip", "give dhcp, static, or an address of "+p.subnet.String(), "%q is not an address", SafeText(text, 50))
	}
	if why, _ := p.barred(a); why != "" {
		return a, invalid("ip", "leave it out for the lowest free one", "%s %s", a, why)
	}
	if by, used := taken[a]; used {
		return a, &Error{Kind: ErrConflict, Field: "ip", Text: fmt.Sprintf("%s belongs to %s", a, by), Hint: "leave it out for the lowest free one"}
	}
	return a, nil
}

// takenAddresses are the addresses known to be in use, and by whom: apps, the
// Proxmox nodes, and this machine.
func (c *Core) takenAddresses(except string, records []app) map[netip.Addr]string {
	taken := map[netip.Addr]string{}
	take := func(text, by string) {
		text, _, _ = strings.Cut(text, "/")
		if a, err := netip.ParseAddr(text); err == nil {
			taken[a.Unmap()] = by
		}
	}
	own, _ := net.InterfaceAddrs() // none is known: then none is kept out
	for _, a := range own {
		take(a.String(), "this machine")
	}
	for _, l := range c.liveHosts() {
		addresses := []string{l.rec.URL}
		for _, p := range l.rec.Peers {
			addresses = append(addresses, p.URL)
		}
		for _, s := range addresses {
			if u, err := url.Parse(s); err == nil {
				take(u.Hostname(), "a node of host "+l.rec.Name)
			}
		}
	}
	for _, a := range records {
		if a.ID == except {
			continue
		}
		take(a.Address, a.Hostname)
		take(a.IP, a.Hostname)
	}
	return taken
}

// netAddress is how an app's network card comes by its address, in Proxmox's
// words.
func (a app) netAddress() string {
	if a.IP == "" {
		return "ip=dhcp"
	}
	return "ip=" + a.IP + ",gw=" + a.Gateway
}

// network is the same for people: "dhcp", or the address.
func (a app) network() string {
	if a.IP == "" {
		return NetworkDHCP
	}
	return NetworkStatic + " " + a.IP
}
