package pvesim

import (
	"fmt"
	"sort"
	"strings"

	"proximity/pvesim/schema"
)

// The version that the simulator claims to be.
const (
	pveVersion = "9.2.11"
	pveRelease = "9.2"
	pveRepoID  = "14a22df3"
)

func getVersion(*call) (any, error) {
	return map[string]string{"version": pveVersion, "release": pveRelease, "repoid": pveRepoID}, nil
}

func getClusterIndex(*call) (any, error) {
	return []map[string]string{{"name": "replication"}, {"name": "config"}, {"name": "resources"}, {"name": "tasks"}, {"name": "backup"}, {"name": "options"}, {"name": "status"}, {"name": "nextid"}}, nil
}

func getClusterStatus(q *call) (any, error) {
	rows := []map[string]any{}
	up := 0
	for _, n := range q.Cluster.nodes {
		id := n.ID
		if q.o.ClusterName == "" {
			id = 0
		}
		rows = append(rows, map[string]any{
			"id": "node/" + n.Name, "type": "node", "name": n.Name, "nodeid": id, "ip": n.ip.String(), "online": bit(n.up), "local": bit(n == q.via), "level": "",
		})
		up += bit(n.up)
	}
	if q.o.ClusterName != "" {
		rows = append([]map[string]any{{
			"id": "cluster", "type": "cluster", "name": q.o.ClusterName, "nodes": len(rows), "quorate": bit(2*up > len(rows)), "version": len(rows),
		}}, rows...)
	}
	return rows, nil
}

func getNextID(q *call) (any, error) {
	if q.has("vmid") {
		vmid := q.id()
		if g := q.guests[vmid]; g != nil {
			return nil, paramErr("vmid", fmt.Sprintf("VM %d already exists", vmid))
		}
		return fmt.Sprint(vmid), nil
	}
	for vmid := 100; vmid < 1000000; vmid++ {
		if q.guests[vmid] == nil {
			return fmt.Sprint(vmid), nil
		}
	}
	return nil, failf("unable to get any free VMID in range [100, 1000000]")
}

func getClusterOptions(q *call) (any, error) {
	return map[string]any{"keyboard": "en-us", "mac_prefix": "BC:24:11", "allowed-tags": []string{}}, nil
}

func getJoin(q *call) (any, error) {
	if q.o.ClusterName == "" {
		return nil, failf("node is not in a cluster, no join info available!")
	}
	nodes := []map[string]any{}
	for _, n := range q.Cluster.nodes {
		nodes = append(nodes, map[string]any{
			"name": n.Name, "nodeid": fmt.Sprint(n.ID), "pve_addr": n.ip.String(), "pve_fp": n.fingerprint, "quorum_votes": "1", "ring0_addr": n.ip.String(),
		})
	}
	return map[string]any{
		"config_digest": fmt.Sprintf("%040x", random(0, q.o.ClusterName)), "preferred_node": q.via.Name, "nodelist": nodes,
		"totem": map[string]any{"cluster_name": q.o.ClusterName, "config_version": fmt.Sprint(len(nodes)), "ip_version": "ipv4-6", "secauth": "on", "version": "2", "interface": map[string]any{"0": map[string]string{"linknumber": "0"}}},
	}, nil
}

func getNodes(q *call) (any, error) {
	loads := q.nodeLoads()
	rows := []map[string]any{}
	for _, n := range q.Cluster.nodes {
		row := q.nodeRow(n, loads[n.Name])
		delete(row, "cgroup-mode")
		row["ssl_fingerprint"] = n.fingerprint
		rows = append(rows, row)
	}
	return rows, nil
}

func getNode(*call) (any, error) {
	rows := []map[string]string{}
	for _, name := range strings.Fields("aplinfo dns lxc network qemu query-oci-repo-tags query-url-metadata rrddata status storage tasks time version vzdump") {
		rows = append(rows, map[string]string{"name": name})
	}
	return rows, nil
}

func getNodeStatus(q *call) (any, error) {
	l := q.nodeLoads()[q.node.Name]
	mem, root := int64(q.o.NodeMemoryMB)<<20, q.storages[0].Total
	avg := func(f float64) string { return fmt.Sprintf("%.2f", l.cpu*float64(q.o.NodeCores)*f) }
	return map[string]any{
		"uptime": int64(q.now().Sub(q.node.booted).Seconds()), "cpu": l.cpu, "wait": l.cpu / 40, "idle": 0, "loadavg": []string{avg(1), avg(0.93), avg(0.88)},
		"memory": map[string]int64{"total": mem, "used": l.mem, "free": mem - l.mem, "available": mem - l.mem},
		"swap":   map[string]int64{"total": 8 << 30, "used": 0, "free": 8 << 30},
		"rootfs": map[string]int64{"total": root, "used": l.disk, "free": root - l.disk, "avail": root - l.disk},
		"ksm":    map[string]int64{"shared": 0}, "pveversion": "pve-manager/" + pveVersion + "/" + pveRepoID,
		"kversion":       "Linux 6.17.2-1-pve #1 SMP PREEMPT_DYNAMIC PMX 6.17.2-1",
		"current-kernel": map[string]string{"sysname": "Linux", "machine": "x86_64", "release": "6.17.2-1-pve", "version": "#1 SMP PREEMPT_DYNAMIC PMX 6.17.2-1"},
		"boot-info":      map[string]any{"mode": "efi", "secureboot": 0},
		"cpuinfo":        map[string]any{"cpus": q.o.NodeCores, "cores": max(q.o.NodeCores/2, 1), "sockets": 1, "hvm": "1", "model": "AMD EPYC 7302P 16-Core Processor", "mhz": "3000.000", "user_hz": 100},
	}, nil
}

func getNodeTime(q *call) (any, error) {
	now := q.now().Unix()
	return map[string]any{"timezone": "Etc/UTC", "time": now, "localtime": now}, nil
}

func getDNS(*call) (any, error) {
	return map[string]string{"search": "localdomain", "dns1": "9.9.9.9"}, nil
}

// pool groups guests.
type pool struct {
	Comment string       `json:"comment,omitempty"`
	Guests  map[int]bool `json:"guests"`
}

// poolsOf are the pools a guest is in.
func (c *Cluster) poolsOf(vmid int) []string {
	var out []string
	for name, p := range c.pools {
		if p.Guests[vmid] {
			out = append(out, name)
		}
	}
	sort.Strings(out)
	return out
}

func getPools(q *call) (any, error) {
	if q.has("poolid") {
		row, err := getPool(q)
		return []any{row}, err
	}
	rows := []map[string]any{}
	for _, name := range sortedKeys(q.pools) {
		if q.mayAny("/pool/"+name, "Pool.Audit", "Pool.Allocate") == nil {
			row := map[string]any{"poolid": name}
			if c := q.pools[name].Comment; c != "" {
				row["comment"] = c
			}
			rows = append(rows, row)
		}
	}
	return rows, nil
}

func createPool(q *call) (any, error) {
	name := q.p["poolid"]
	if q.pools[name] != nil {
		return nil, failf("create pool failed: pool '%s' already exists", name)
	}
	q.pools[name] = &pool{Comment: q.p["comment"], Guests: map[int]bool{}}
	return nil, nil
}

// pathPool finds the pool of the call.
func (q *call) pathPool() (*pool, error) {
	p := q.pools[q.p["poolid"]]
	if p == nil {
		return nil, failf("pool '%s' does not exist", q.p["poolid"])
	}
	return p, nil
}

func getPool(q *call) (any, error) {
	p, err := q.pathPool()
	if err != nil {
		return nil, err
	}
	members := []any{}
	for _, g := range q.sortedGuests() {
		if p.Guests[g.VMID] {
			members = append(members, q.resource(g, q.seen(g, q.lastStat())))
		}
	}
	return map[string]any{"poolid": q.p["poolid"], "comment": p.Comment, "members": members}, nil
}

func updatePool(q *call) (any, error) {
	p, err := q.pathPool()
	if err != nil {
		return nil, err
	}
	if q.has("comment") {
		p.Comment = q.p["comment"]
	}
	for _, id := range schema.Split(q.p["vms"]) {
		var vmid int
		if _, err := fmt.Sscan(id, &vmid); err != nil || q.guests[vmid] == nil && !q.flag("delete") {
			return nil, failf("update pool failed: VM %s does not exist", id)
		}
		if q.flag("delete") {
			delete(p.Guests, vmid)
			continue
		}
		if in := q.poolsOf(vmid); len(in) > 0 && !q.flag("allow-move") {
			return nil, failf("update pool failed: VM %d belongs already to pool '%s' and 'allow-move' is not set", vmid, in[0])
		}
		for _, other := range q.pools {
			delete(other.Guests, vmid)
		}
		p.Guests[vmid] = true
	}
	return nil, nil
}

func deletePool(q *call) (any, error) {
	p, err := q.pathPool()
	if err != nil {
		return nil, err
	}
	if len(p.Guests) > 0 {
		return nil, failf("delete pool failed: pool '%s' is not empty", q.p["poolid"])
	}
	delete(q.pools, q.p["poolid"])
	return nil, nil
}
