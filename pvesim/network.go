package pvesim

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// network is the guests' network: one 127.A.0.0/16, ours as long as the claim is held.
type network struct {
	a     byte
	claim net.Listener

	mu   sync.Mutex
	next int
	used map[int]bool
}

const (
	firstNet, lastNet = 16, 250
	claimPort         = 64999
	slots             = 250 * 250
)

// claimNetwork takes a /16 that no other simulator on this machine has.
func claimNetwork(seed int64) (*network, error) {
	const n = lastNet - firstNet + 1
	start := int((uint64(seed)*2654435761 + uint64(time.Now().UnixNano()>>10)) % n)
	for i := range n {
		a := byte(firstNet + (start+i)%n)
		l, err := net.Listen("tcp", fmt.Sprintf("127.%d.0.1:%d", a, claimPort))
		if err == nil {
			return &network{a: a, claim: l, used: map[int]bool{}}, nil
		}
	}
	return nil, fmt.Errorf("no network for guests is free: port %d is taken on every 127.%d-%d.0.1", claimPort, firstNet, lastNet)
}

func (n *network) release() { _ = n.claim.Close() }

// prefix is the network.
func (n *network) prefix() netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{127, n.a, 0, 0}), 16)
}

// address is that of a slot.
func (n *network) address(slot int) netip.Addr {
	return netip.AddrFrom4([4]byte{127, n.a, byte(1 + slot/250), byte(1 + slot%250)})
}

// lease hands out a slot; slots given back are used again as late as possible.
func (n *network) lease() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	for range slots {
		n.next = n.next%(slots-1) + 1
		if !n.used[n.next] {
			n.used[n.next] = true
			return n.next
		}
	}
	return n.next
}

// take marks a slot of a saved cluster as used.
func (n *network) take(slot int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.used[slot] = true
	n.next = max(n.next, slot)
}

func (n *network) free(slot int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.used, slot)
}

// Network is the network that containers have their addresses in.
func (c *Cluster) Network() netip.Prefix { return c.net.prefix() }

// staticAddress is the one net0 asks for, if it lies inside the guests' network.
func (c *Cluster) staticAddress(g *guest) (netip.Addr, bool) {
	for _, kv := range strings.Split(g.Conf["net0"], ",") {
		if v, ok := strings.CutPrefix(kv, "ip="); ok {
			p, err := netip.ParsePrefix(v)
			return p.Addr(), err == nil && c.net.prefix().Contains(p.Addr())
		}
	}
	return netip.Addr{}, false
}

// dhcpDelay is how long a container waits for its address after a start.
const dhcpDelay = 2 * time.Second

// getInterfaces is what `ip` says inside a container; null when it does not run.
func getInterfaces(q *call) (any, error) {
	g, err := q.container()
	if err != nil || !g.Running {
		return nil, err
	}
	address := func(family, ip, prefix string) map[string]string {
		return map[string]string{"ip-address-type": family, "ip-address": ip, "prefix": prefix}
	}
	out := []map[string]any{{
		"name": "lo", "hwaddr": "00:00:00:00:00:00", "hardware-address": "00:00:00:00:00:00", "inet": "127.0.0.1/8", "inet6": "::1/128",
		"ip-addresses": []map[string]string{address("inet", "127.0.0.1", "8"), address("inet6", "::1", "128")},
	}}
	for _, key := range sortedKeys(g.Conf) {
		if !strings.HasPrefix(key, "net") || key[3] < '0' || key[3] > '9' {
			continue
		}
		mac := strings.ToLower(netMAC(g.Conf[key]))
		row := map[string]any{"name": netName(g.Conf[key]), "hwaddr": mac, "hardware-address": mac}
		addresses := []map[string]string{}
		if key == "net0" && q.now().Sub(g.Started) >= q.scaled(dhcpDelay) && g.Slot > 0 {
			addr := q.net.address(g.Slot)
			if static, ok := q.staticAddress(g); ok {
				addr = static
			}
			row["inet"] = addr.String() + "/16"
			addresses = append(addresses, address("inet", addr.String(), "16"))
		}
		if ll := linkLocal(mac); ll != "" {
			row["inet6"] = ll + "/64"
			addresses = append(addresses, address("inet6", ll, "64"))
		}
		row["ip-addresses"] = addresses
		out = append(out, row)
	}
	return out, nil
}

func netName(value string) string {
	for _, kv := range strings.Split(value, ",") {
		if name, ok := strings.CutPrefix(kv, "name="); ok {
			return name
		}
	}
	return "eth0"
}

// linkLocal is the IPv6 address that an interface gives itself.
func linkLocal(mac string) string {
	hw, err := net.ParseMAC(mac)
	if err != nil {
		return ""
	}
	return netip.AddrFrom16([16]byte{0xfe, 0x80, 8: hw[0] ^ 2, hw[1], hw[2], 0xff, 0xfe, hw[3], hw[4], hw[5]}).String()
}

// bridges are the interfaces of every node.
func bridges(n *node) []map[string]any {
	ip := n.ip.String()
	return []map[string]any{
		{"iface": "eno1", "type": "eth", "method": "manual", "method6": "manual", "families": []string{"inet"}, "active": 1, "exists": 1, "priority": 3},
		{"iface": "vmbr0", "type": "bridge", "method": "static", "method6": "manual", "families": []string{"inet"}, "active": 1, "autostart": 1, "priority": 4,
			"address": ip, "netmask": "8", "cidr": ip + "/8", "bridge_ports": "eno1", "bridge_stp": "off", "bridge_fd": "0"},
	}
}

// bridgeExists says whether containers of a node can be plugged into a bridge.
func bridgeExists(name string) bool { return name == "vmbr0" }

func getNetworks(q *call) (any, error) {
	want := q.p["type"]
	rows := []map[string]any{}
	for _, row := range bridges(q.node) {
		if want == "" || want == row["type"] || strings.HasPrefix(want, "any_") && row["type"] == "bridge" || want == "include_sdn" && row["type"] == "bridge" {
			rows = append(rows, row)
		}
	}
	return rows, nil
}

func getNetwork(q *call) (any, error) {
	for _, row := range bridges(q.node) {
		if row["iface"] == q.p["iface"] {
			return row, nil
		}
	}
	return nil, paramErr("iface", "interface does not exist")
}
