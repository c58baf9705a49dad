package pve

import (
	"context"
	"net/netip"
)

// GuestConfig is a container's configuration. During a create it holds only Lock and Digest.
type GuestConfig struct {
	Hostname, Description, Lock string
	Tags                        []string
	Cores, MemoryMB, SwapMB     int
	RootFS, OSType, Features    string
	OnBoot, Unprivileged        bool
	Nets                        map[int]Net
	Digest                      string
	Raw                         map[string]string // every key as text
}

// Net is one network interface of a configuration.
type Net struct {
	Name, Bridge, MAC string
	IP, Gateway       string // "dhcp", "manual" or CIDR
	Raw               string
}

// Interface is a network interface as seen inside a running container.
type Interface struct {
	Name, MAC string
	Addresses []netip.Prefix
}

// ParseNet reads a netN value. Unknown keys are kept in Raw alone.
func ParseNet(s string) (Net, error) { return Net{}, ErrUnsupported }

func (c *Client) GuestConfig(ctx context.Context, node string, vmid int) (GuestConfig, error) {
	return GuestConfig{}, ErrUnsupported
}

// SetConfig changes configuration values; with a digest only if nobody changed them since.
func (c *Client) SetConfig(ctx context.Context, node string, vmid int, params map[string]string, digest string) error {
	return ErrUnsupported
}

// Interfaces lists a running container's interfaces; of a stopped one it returns none and no error.
func (c *Client) Interfaces(ctx context.Context, node string, vmid int) ([]Interface, error) {
	return nil, ErrUnsupported
}
