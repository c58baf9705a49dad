package pvesim

import (
	"crypto/rand"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// populate makes the cluster as its options or its state file want it.
func (c *Cluster) populate() error {
	c.storages = defaultStorages(c.o.NodeDiskGB)
	for _, s := range c.o.Storages {
		c.storages = append(c.storages, s.made())
	}
	c.access = &access{Users: map[string]*user{}, Roles: map[string][]string{}, pools: c.poolsOf}
	saved, err := c.load()
	if err != nil {
		return err
	}
	base, err := loopback(c.o.Listen)
	if err != nil {
		return err
	}
	ip := base.Addr()
	for i := range c.o.Nodes {
		n := &node{Name: fmt.Sprintf("pve%d", i+1), ID: i + 1, up: true, ip: ip, dumping: make(chan struct{}, 1)}
		n.booted = c.now().Add(-time.Duration(3+random(c.o.Seed, n.Name, "boot")%1000) * time.Hour)
		keys, err := c.nodeKeys(saved, n.Name, ip)
		if err != nil {
			return err
		}
		if err := n.use(keys); err != nil {
			return err
		}
		c.nodes = append(c.nodes, n)
		ip = ip.Next()
	}
	if saved != nil {
		c.restore(saved)
	} else {
		c.secret = make([]byte, 32)
		if _, err := rand.Read(c.secret); err != nil {
			return err
		}
		c.settle()
	}
	for _, name := range []string{"root@pam", c.o.User} {
		if c.access.Users[name] == nil {
			c.access.Users[name] = newUser()
		}
	}
	c.access.Users[c.o.User].Password = c.o.Password
	if c.o.User != "root@pam" {
		c.access.grant(aclEntry{Path: "/", Who: c.o.User, Role: "Administrator", Propagate: true})
	}
	return nil
}

func (c *Cluster) nodeKeys(saved *state, name string, ip netip.Addr) (nodeKeys, error) {
	if saved != nil {
		if k, ok := saved.Keys[name]; ok {
			return k, nil
		}
	}
	return newKeys(name, ip, c.now())
}

// foreignNames are what people call their guests.
var foreignNames = strings.Fields(`
nextcloud gitlab pihole unifi homeassistant plex jellyfin mail backup dns web db cache proxy monitor grafana prometheus influx loki vault
keycloak ldap files photos paperless wiki ci runner registry build staging dev test shop blog forum chat matrix mumble minecraft valheim
vpn bastion ntp syslog mqtt nodered zigbee frigate octoprint kiosk print erp crm billing reports etl queue search index media torrent`)

// foreignPorts are the ports that such guests listen on.
func foreignPorts() map[string][]int {
	return map[string][]int{
		"nextcloud": {80, 443}, "gitlab": {80, 443}, "pihole": {53, 80}, "unifi": {8080, 8443}, "homeassistant": {8123}, "plex": {32400}, "jellyfin": {8096},
		"mail": {25, 143, 993}, "dns": {53}, "web": {80}, "db": {5432}, "cache": {6379}, "proxy": {80, 443}, "grafana": {3000}, "prometheus": {9090},
		"influx": {8086}, "loki": {3100}, "vault": {8200}, "keycloak": {8080}, "ldap": {389}, "files": {445}, "photos": {2283}, "paperless": {8000}, "wiki": {3000},
		"registry": {5000}, "shop": {80}, "blog": {2368}, "forum": {80}, "chat": {8065}, "matrix": {8008}, "minecraft": {25565}, "mqtt": {1883}, "nodered": {1880},
		"zigbee": {8080}, "frigate": {5000}, "octoprint": {5000}, "erp": {8069}, "torrent": {9091}, "media": {8096}, "search": {9200}, "monitor": {3001},
	}
}

// settle fills a new cluster with guests that nobody manages.
func (c *Cluster) settle() {
	for i := range c.o.Guests {
		g := c.foreign(i)
		c.guests[g.VMID] = g
		volid, size := g.rootfs()
		if g.Kind == "qemu" {
			volid, size = g.disk("scsi0")
		}
		content := map[string]string{"lxc": "rootdir", "qemu": "images"}[g.Kind]
		c.addVolume(&volume{
			Volid: volid, Storage: "local-lvm", Node: g.Node, Content: content, Format: "raw", Size: size, Used: c.crowded(size, g.VMID), CTime: g.Started.Unix(), VMID: g.VMID,
		})
	}
}

// crowded is what a made-up disk uses: a fifth to a half of it, less where many share a node.
func (c *Cluster) crowded(size int64, vmid int) int64 {
	used := float64(size) * (0.2 + float64(random(c.o.Seed, vmid, "disk")%30)/100)
	perNode := float64(c.o.Guests) / float64(c.o.Nodes)
	const each = 8 << 30 // bytes that such a disk uses on average
	if need, budget := perNode*each, 0.6*float64(int64(c.o.NodeDiskGB)<<30); need > budget {
		used *= budget / need
	}
	return int64(used)
}

// foreign is the i-th guest that nobody manages: three of four run, one in eight is a virtual machine.
func (c *Cluster) foreign(i int) *guest {
	vmid := 1000 + i
	r := random(c.o.Seed, vmid, "guest")
	pick := func(shift uint, n uint64) int { return int(r >> shift & 0xffff % n) }
	n := len(foreignNames)
	name := foreignNames[(37*i+int(random(c.o.Seed, "names")%uint64(n)))%n]
	if i >= n {
		name = fmt.Sprintf("%s-%d", name, i/n+1)
	}
	g := &guest{
		VMID: vmid, Kind: "lxc", Node: c.nodes[i%len(c.nodes)].Name, Foreign: true, Running: pick(8, 4) != 0, OS: "debian", power: make(chan struct{}, 1),
		Started: c.now().Add(-time.Duration(1+pick(4, 4000)) * 17 * time.Minute).Truncate(time.Second),
	}
	g.Made = g.Started
	cores := 1 + pick(12, 4)
	memory := 256 << pick(16, 5)
	size := 4 + 4*pick(20, 8)
	mac := fmt.Sprintf("BC:24:11:%02X:%02X:%02X", byte(r>>40), byte(vmid>>8), byte(vmid))
	g.Conf = config{"cores": fmt.Sprint(cores), "memory": fmt.Sprint(memory)}
	if pick(24, 3) == 0 {
		g.Conf["tags"] = []string{"home", "lab", "prod", "web", "home;media"}[pick(28, 5)]
	}
	if i%8 == 5 {
		g.Kind = "qemu"
		for k, v := range map[string]string{
			"name": name, "memory": fmt.Sprint(2 * memory), "ostype": "l26", "scsihw": "virtio-scsi-single", "boot": "order=scsi0", "sockets": "1",
			"net0": "virtio=" + mac + ",bridge=vmbr0", "scsi0": fmt.Sprintf("local-lvm:vm-%d-disk-0,size=%dG", vmid, 2*size),
		} {
			g.Conf[k] = v
		}
	} else {
		if pick(32, 3) == 0 {
			g.OS = "alpine"
		}
		for k, v := range map[string]string{
			"hostname": name, "arch": "amd64", "ostype": g.OS, "swap": "512", "unprivileged": "1", "onboot": "1",
			"net0":   "name=eth0,bridge=vmbr0,hwaddr=" + mac + ",ip=dhcp,type=veth",
			"rootfs": fmt.Sprintf("local-lvm:vm-%d-disk-0,size=%dG", vmid, size),
		} {
			g.Conf[k] = v
		}
	}
	if g.Running {
		g.PID = uint32(2000 + 7*i)
	}
	return g
}

// disk is a virtual machine's disk and its size in bytes.
func (g *guest) disk(key string) (volid string, size int64) {
	return (&guest{Conf: config{"rootfs": g.Conf[key]}}).rootfs()
}

// connect gives the running containers of a new or restored cluster their addresses.
func (c *Cluster) connect() {
	for _, g := range c.sortedGuests() {
		if g.Slot > 0 {
			c.net.take(g.Slot)
		}
	}
	for _, g := range c.sortedGuests() {
		if g.Kind == "lxc" && g.Running && g.Slot == 0 {
			g.Slot = c.net.lease()
		}
	}
}
