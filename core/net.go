package core

import "strings"

// netOf is a network card of Proxmox's ("name=eth0,bridge=vmbr0,…") with
// another MAC and address ("ip=dhcp", "ip=10.0.0.5/24,gw=10.0.0.1",
// "ip=manual"). Bridge, tag and all the rest stay.
func netOf(raw, mac, address string) string {
	var parts []string
	for part := range strings.SplitSeq(raw, ",") {
		switch key, _, _ := strings.Cut(part, "="); key {
		case "hwaddr", "ip", "gw", "ip6", "gw6", "type", "":
		default:
			parts = append(parts, part)
		}
	}
	return strings.Join(append(parts, "hwaddr="+mac, address), ",")
}
