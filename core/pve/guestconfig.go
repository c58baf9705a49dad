package pve

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
)

// GuestConfig is a container's configuration. Proxmox: while the container is being created it holds only
// Lock ("create") and Digest.
type GuestConfig struct {
	Hostname, Description, Lock string // Description without the newline Proxmox adds
	Tags                        []string
	Cores, MemoryMB, SwapMB     int // Cores 0: all of the node's
	RootFS, OSType, Features    string
	OnBoot, Unprivileged        bool
	Nets                        map[int]Net
	Digest                      string
	Raw                         map[string]string // every key as text
}

// RootSize is the size of the root disk in bytes, 0 when the configuration does not say. Proxmox writes it as
// "local-lvm:vm-100-disk-0,size=8G", with K, M, G or T, or as bare bytes.
func (g GuestConfig) RootSize() int64 {
	for part := range strings.SplitSeq(g.RootFS, ",") {
		size, ok := strings.CutPrefix(part, "size=")
		if !ok || size == "" {
			continue
		}
		shift, known := map[byte]uint{'K': 10, 'M': 20, 'G': 30, 'T': 40}[size[len(size)-1]]
		if known {
			size = size[:len(size)-1]
		}
		f, err := strconv.ParseFloat(size, 64)
		if err != nil || f < 0 {
			return 0
		}
		return int64(f * float64(int64(1)<<shift))
	}
	return 0
}

// Net is one network interface of a configuration.
type Net struct {
	Name, Bridge, MAC string
	IP, Gateway       string // "dhcp", "manual" or CIDR
	Raw               string // as Proxmox keeps it, with everything else
}

// Interface is a network interface as seen inside a running container.
type Interface struct {
	Name, MAC string
	Addresses []netip.Prefix
}

// ParseNet reads a netN value: "name=eth0,bridge=vmbr0,hwaddr=BC:24:11:…,ip=dhcp". Keys it does not know
// stay in Raw. An error when it is not a list of key=value or has no name.
func ParseNet(s string) (Net, error) {
	n := Net{Raw: s}
	for part := range strings.SplitSeq(s, ",") {
		key, value, ok := strings.Cut(part, "=")
		if !ok {
			return n, fmt.Errorf("network interface %q: %q is not key=value", s, part)
		}
		switch key {
		case "name":
			n.Name = value
		case "bridge":
			n.Bridge = value
		case "hwaddr":
			n.MAC = value
		case "ip":
			n.IP = value
		case "gw":
			n.Gateway = value
		}
	}
	if n.Name == "" {
		return n, fmt.Errorf("network interface %q has no name", s)
	}
	return n, nil
}

// GuestConfig reads a container's configuration. ErrNotFound is the proof that there is no such container
// on that node; lists lag and hide what a token may not see.
func (c *Client) GuestConfig(ctx context.Context, node string, vmid int) (GuestConfig, error) {
	var answer map[string]json.RawMessage
	err := c.do(ctx, request{op: "read the configuration of CT", node: node, vmid: vmid,
		path: guestPath(node, vmid, "config"), into: &answer})
	if err != nil {
		return GuestConfig{}, err
	}
	raw := make(map[string]string, len(answer))
	for key, value := range answer {
		raw[key] = textOf(value)
	}
	return guestConfig(raw), nil
}

// guestConfig takes out of a configuration's text what is used often.
func guestConfig(raw map[string]string) GuestConfig {
	g := GuestConfig{
		Hostname:     raw["hostname"],
		Description:  strings.TrimSuffix(raw["description"], "\n"),
		Lock:         raw["lock"],
		Tags:         splitList(raw["tags"]),
		Cores:        atoi(raw["cores"]),
		MemoryMB:     atoi(raw["memory"]),
		SwapMB:       atoi(raw["swap"]),
		RootFS:       raw["rootfs"],
		OSType:       raw["ostype"],
		Features:     raw["features"],
		OnBoot:       raw["onboot"] == "1",
		Unprivileged: raw["unprivileged"] == "1",
		Nets:         make(map[int]Net),
		Digest:       raw["digest"],
		Raw:          raw,
	}
	for key, value := range raw {
		index, err := strconv.Atoi(strings.TrimPrefix(key, "net"))
		if err != nil || !strings.HasPrefix(key, "net") {
			continue
		}
		g.Nets[index], _ = ParseNet(value) // an odd one is at least there, with its Raw
	}
	return g
}

func atoi(s string) int { return int(toInt(parseNumber([]byte(s)))) }

// SetConfig changes configuration values at once; an empty value removes the key. With a digest it fails
// with ErrChanged if somebody changed the configuration since. Proxmox: what a running container cannot
// take over waits for its next start.
func (c *Client) SetConfig(ctx context.Context, node string, vmid int, values map[string]string, digest string) error {
	p := make(params, len(values)+2)
	var remove []string
	for _, key := range sortedKeys(values) {
		if values[key] == "" {
			remove = append(remove, key)
			continue
		}
		p[key] = values[key]
	}
	if len(remove) > 0 {
		p["delete"] = strings.Join(remove, ",")
	}
	if digest != "" {
		p["digest"] = digest
	}
	return c.do(ctx, request{op: "configure CT", node: node, vmid: vmid,
		method: http.MethodPut, path: guestPath(node, vmid, "config"), params: p})
}

// Interfaces lists a running container's interfaces with their addresses, which may come seconds after
// the start. Of a stopped container it returns none and no error.
func (c *Client) Interfaces(ctx context.Context, node string, vmid int) ([]Interface, error) {
	var answer []struct {
		Name   text
		MAC    text `json:"hwaddr"`
		NewMAC text `json:"hardware-address"`
		Inet   text
		Inet6  text
		All    []struct {
			Address text `json:"ip-address"`
			Prefix  text `json:"prefix"` // Proxmox: a string, the schema says integer
		} `json:"ip-addresses"`
	}
	err := c.do(ctx, request{op: "list the interfaces of CT", node: node, vmid: vmid,
		path: guestPath(node, vmid, "interfaces"), into: &answer})
	if err != nil {
		return nil, err
	}
	interfaces := make([]Interface, 0, len(answer))
	for _, a := range answer {
		i := Interface{Name: string(a.Name), MAC: strings.ToUpper(string(a.MAC))}
		if i.MAC == "" {
			i.MAC = strings.ToUpper(string(a.NewMAC))
		}
		var texts []string
		for _, one := range a.All {
			texts = append(texts, string(one.Address)+"/"+string(one.Prefix))
		}
		if len(a.All) == 0 { // Proxmox: before pve-container 5.2.6 only these, one each
			texts = []string{string(a.Inet), string(a.Inet6)}
		}
		for _, t := range texts {
			if p, err := netip.ParsePrefix(t); err == nil {
				i.Addresses = append(i.Addresses, p)
			}
		}
		interfaces = append(interfaces, i)
	}
	return interfaces, nil
}
