package pvesim

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// node is one Proxmox VE host.
type node struct {
	Name   string
	ID     int
	booted time.Time
	up     bool
	ip     netip.Addr
	nextID uint32 // of processes

	dumping chan struct{} // holds a token while vzdump runs

	keys           nodeKeys
	cert           tls.Certificate
	fingerprint    string
	sshKey         ssh.Signer
	sshFingerprint string
	joined         time.Time // since when the others see it as it is now
}

// nodeKeys are what a node is recognised by.
type nodeKeys struct {
	Certificate []byte `json:"certificate"` // DER
	Key         []byte `json:"key"`         // EC private key, DER
	SSH         []byte `json:"ssh"`         // ed25519 seed
}

// certificateLife is that of the certificates a node makes for itself: two years.
const certificateLife = 730 * 24 * time.Hour

// newKeys makes a node's certificate, signed by itself, and its SSH host key.
func newKeys(name string, ip netip.Addr, now time.Time) (nodeKeys, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nodeKeys{}, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nodeKeys{}, err
	}
	t := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: name + ".localdomain", Organization: []string{"Proxmox Virtual Environment"}, OrganizationalUnit: []string{"PVE Cluster Node"}},
		NotBefore:    now.Add(-time.Hour), NotAfter: now.Add(certificateLife),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true,
		DNSNames: []string{name, name + ".localdomain", "localhost"}, IPAddresses: []net.IP{ip.AsSlice()},
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
	if err != nil {
		return nodeKeys{}, err
	}
	private, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nodeKeys{}, err
	}
	seed := make([]byte, ed25519.SeedSize)
	if _, err := rand.Read(seed); err != nil {
		return nodeKeys{}, err
	}
	return nodeKeys{Certificate: der, Key: private, SSH: seed}, nil
}

// use sets the node's keys.
func (n *node) use(k nodeKeys) error {
	key, err := x509.ParseECPrivateKey(k.Key)
	if err != nil {
		return fmt.Errorf("certificate key of %s: %w", n.Name, err)
	}
	if len(k.SSH) != ed25519.SeedSize {
		return fmt.Errorf("SSH host key of %s has %d bytes, not %d", n.Name, len(k.SSH), ed25519.SeedSize)
	}
	n.sshKey, err = ssh.NewSignerFromSigner(ed25519.NewKeyFromSeed(k.SSH))
	if err != nil {
		return fmt.Errorf("SSH host key of %s: %w", n.Name, err)
	}
	n.keys = k
	n.cert = tls.Certificate{Certificate: [][]byte{k.Certificate}, PrivateKey: key}
	n.fingerprint = fingerprint(k.Certificate)
	n.sshFingerprint = ssh.FingerprintSHA256(n.sshKey.PublicKey())
	return nil
}

// fingerprint is a certificate's as Proxmox VE prints it.
func fingerprint(der []byte) string {
	sum := sha256.Sum256(der)
	parts := make([]string, len(sum))
	for i, b := range sum {
		parts[i] = fmt.Sprintf("%02X", b)
	}
	return strings.Join(parts, ":")
}

// node returns a node by name; the list itself never changes after the start.
func (c *Cluster) node(name string) *node {
	for _, n := range c.nodes {
		if n.Name == name {
			return n
		}
	}
	return nil
}

// NodeDown takes a node away: its listeners are closed, its guests have stopped, and the others answer 595 for it.
func (c *Cluster) NodeDown(name string) {
	i := c.nodeIndex(name)
	if i < 0 {
		return
	}
	c.mu.Lock()
	n := c.nodes[i]
	n.up, n.joined = false, c.now()
	var halt []*guest
	for _, g := range c.guests {
		if g.Node == name && g.Running {
			c.powered(g, false)
			halt = append(halt, g)
		}
	}
	c.tasks.abandon(name, c.now())
	c.mu.Unlock()
	for _, g := range halt {
		if g.machine != nil {
			g.machine.Halt()
		}
	}
	c.ports.shut(i)
}

// NodeUp brings a node back, as after a boot: guests with onboot run. Locks of interrupted tasks are still held.
func (c *Cluster) NodeUp(name string) {
	i := c.nodeIndex(name)
	if i < 0 {
		return
	}
	c.mu.Lock()
	n := c.nodes[i]
	if n.up {
		c.mu.Unlock()
		return
	}
	n.up, n.booted, n.joined = true, c.now(), c.now()
	var start []*guest
	for _, g := range c.guests {
		if g.Node == name && g.Conf["onboot"] == "1" && !g.template() {
			start = append(start, g)
		}
	}
	c.mu.Unlock()
	for _, g := range start {
		if err := c.boot(c.ctx, g); err != nil {
			c.log.Warn("guest did not start with its node", "vmid", g.VMID, "err", err)
		}
	}
	c.enter(i)
}

// Rekey gives a node another certificate and another SSH host key, as setting it up anew would; its guests run on.
func (c *Cluster) Rekey(name string) error {
	i := c.nodeIndex(name)
	if i < 0 {
		return fmt.Errorf("there is no node %s", name)
	}
	c.ports.shut(i)
	keys, err := newKeys(name, c.nodes[i].ip, c.now())
	if err != nil {
		return err
	}
	c.mu.Lock()
	err = c.nodes[i].use(keys)
	c.mu.Unlock()
	c.enter(i)
	return err
}

func (c *Cluster) nodeIndex(name string) int {
	for i, n := range c.nodes {
		if n.Name == name {
			return i
		}
	}
	return -1
}
