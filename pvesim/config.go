package pvesim

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"proximity/pvesim/schema"
)

// config is a guest's configuration: keys and values as its file has them.
type config map[string]string

func (c config) clone() config { return maps.Clone(c) }

func (c config) number(key string, otherwise int) int {
	if n, err := strconv.Atoi(c[key]); err == nil {
		return n
	}
	return otherwise
}

// text writes a guest's file as /etc/pve/lxc/VMID.conf has it.
func (g *guest) text() string {
	var b strings.Builder
	section := func(conf config, raw [][2]string, more ...string) {
		for _, line := range strings.Split(strings.TrimSuffix(conf["description"], "\n"), "\n") {
			if conf["description"] != "" {
				fmt.Fprintf(&b, "#%s\n", encodeComment(line))
			}
		}
		lines := slices.Clone(more)
		for k, v := range conf {
			if k != "description" {
				lines = append(lines, k+": "+v)
			}
		}
		slices.Sort(lines)
		for _, l := range lines {
			b.WriteString(l + "\n")
		}
		for _, kv := range raw {
			fmt.Fprintf(&b, "%s: %s\n", kv[0], kv[1])
		}
	}
	var parent []string
	if g.Parent != "" {
		parent = []string{"parent: " + g.Parent}
	}
	section(g.Conf, g.Raw, parent...)
	if len(g.Pending) > 0 {
		b.WriteString("\n[pve:pending]\n")
		var deleted []string
		for _, k := range sortedKeys(g.Pending) {
			if v := g.Pending[k]; v != nil {
				fmt.Fprintf(&b, "%s: %s\n", k, *v)
			} else {
				deleted = append(deleted, k)
			}
		}
		if deleted != nil {
			fmt.Fprintf(&b, "delete: %s\n", strings.Join(deleted, ","))
		}
	}
	for _, s := range g.Snaps {
		fmt.Fprintf(&b, "\n[%s]\n", s.Name)
		more := []string{fmt.Sprintf("snaptime: %d", s.Time)}
		if s.Parent != "" {
			more = append(more, "parent: "+s.Parent)
		}
		conf := s.Conf.clone()
		conf["description"] = s.Description
		section(conf, s.Raw, more...)
	}
	return b.String()
}

// encodeComment writes a description's line as the file's comment.
func encodeComment(s string) string {
	var b strings.Builder
	for _, r := range []byte(s) {
		if r < 0x20 || r == '%' || r == ':' || r >= 0x7f { // PVE::Tools::encode_text
			fmt.Fprintf(&b, "%%%02X", r)
		} else {
			b.WriteByte(r)
		}
	}
	return b.String()
}

func decodeComment(s string) string {
	var b []byte
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				b = append(b, byte(n))
				i += 2
				continue
			}
		}
		b = append(b, s[i])
	}
	return string(b)
}

// parseConfig reads the current section of a configuration file; sections of snapshots are kept as they are.
func (g *guest) parseConfig(text string) {
	conf := config{}
	var raw [][2]string
	var description []string
	for _, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(line, "[") {
			break
		}
		if comment, ok := strings.CutPrefix(line, "#"); ok {
			description = append(description, decodeComment(comment))
			continue
		}
		k, v, ok := strings.Cut(line, ":")
		if k, v = strings.TrimSpace(k), strings.TrimSpace(v); !ok || k == "parent" {
			continue
		}
		if strings.HasPrefix(k, "lxc.") {
			raw = append(raw, [2]string{k, v})
		} else {
			conf[k] = v
		}
	}
	if description != nil {
		conf["description"] = strings.Join(description, "\n") + "\n"
	}
	g.Conf, g.Raw = conf, raw
}

func (g *guest) digest() string {
	sum := sha1.Sum([]byte(g.text()))
	return hex.EncodeToString(sum[:])
}

// typed gives each value the JSON type of its schema.
func (c *Cluster) typed(conf config) map[string]any {
	m, _ := c.schema.Lookup("PUT", "/nodes/x/lxc/100/config")
	out := map[string]any{}
	for k, v := range conf {
		out[k] = typedValue(m, k, v)
	}
	return out
}

func typedValue(m *schema.Method, k, v string) any {
	if k == "snaptime" {
		n, _ := strconv.Atoi(v)
		return n
	}
	// Proxmox: cpulimit, a number in the schema, goes over the wire as a string.
	if p := m.Property(k); p != nil && (p.Type == "integer" || p.Type == "boolean") {
		if n, err := strconv.Atoi(v); err == nil {
			return n
		}
	}
	return v
}

func getConfig(q *call) (any, error) {
	g, err := q.container()
	if err != nil {
		return nil, err
	}
	conf := g.Conf.clone()
	if name := q.p["snapshot"]; name != "" {
		s := g.snapshot(name)
		if s == nil {
			return nil, failf("snapshot '%s' does not exist", name)
		}
		conf = s.Conf.clone()
	} else if !q.flag("current") {
		for k, v := range g.Pending {
			if v == nil {
				delete(conf, k)
			} else {
				conf[k] = *v
			}
		}
	}
	out := q.typed(conf)
	out["digest"] = g.digest()
	if len(g.Raw) > 0 {
		out["lxc"] = g.Raw
	}
	return out, nil
}

func getPending(q *call) (any, error) {
	g, err := q.container()
	if err != nil {
		return nil, err
	}
	var rows []map[string]any
	typed := q.typed(g.Conf)
	typed["digest"] = g.digest()
	for _, k := range sortedKeys(typed) {
		row := map[string]any{"key": k, "value": typed[k]}
		if v, ok := g.Pending[k]; ok && v == nil {
			row["delete"] = 1
		} else if ok {
			row["pending"] = q.typed(config{k: *v})[k]
		}
		rows = append(rows, row)
	}
	for _, k := range sortedKeys(g.Pending) {
		if _, there := g.Conf[k]; !there && g.Pending[k] != nil {
			rows = append(rows, map[string]any{"key": k, "pending": q.typed(config{k: *g.Pending[k]})[k]})
		}
	}
	return rows, nil
}

// hotplugged are the keys that change a running container at once; netN and mpN do, too.
var hotplugged = []string{
	"cores", "cpulimit", "cpuunits", "memory", "swap", "hostname", "description", "onboot", "startup", "protection", "tags", "hookscript", "lock", "template",
}

func hotplugs(key string) bool {
	return slices.Contains(hotplugged, key) || strings.HasPrefix(key, "net") || strings.HasPrefix(key, "mp") || strings.HasPrefix(key, "dev") || strings.HasPrefix(key, "unused")
}

func putConfig(q *call) (any, error) {
	g, err := q.container()
	if err != nil {
		return nil, err
	}
	set := config{}
	for k, v := range q.p {
		if !slices.Contains([]string{"node", "vmid", "digest", "delete", "revert"}, k) {
			set[k] = v
		}
	}
	deleted, reverted := schema.Split(q.p["delete"]), schema.Split(q.p["revert"])
	if len(set)+len(deleted)+len(reverted) == 0 {
		return nil, failf("no options specified")
	}
	for k := range set {
		if slices.Contains(deleted, k) {
			return nil, paramErr("delete", fmt.Sprintf("you can't use '%s' and -delete %s at the same time", k, k))
		}
	}
	if err := q.mayChange(g.VMID, "", set, deleted, g.Conf["unprivileged"] != "0"); err != nil {
		return nil, err
	}
	if err := q.lockOf(g); err != nil {
		return nil, err
	}
	if d := q.p["digest"]; d != "" && d != g.digest() {
		return nil, failf("detected modified configuration - file changed by other user? Try again.")
	}
	if _, ok := set["unprivileged"]; ok {
		return nil, paramErr("unprivileged", "unable to modify read-only option: 'unprivileged'")
	}
	for _, k := range reverted {
		delete(g.Pending, k)
	}
	set, err = q.normal(g, set)
	if err != nil {
		return nil, err
	}
	q.touch(g, true)
	for k, v := range set {
		g.change(k, &v)
	}
	for _, k := range deleted {
		g.change(k, nil)
	}
	return nil, nil
}

// change sets a key, or removes it with nil; on a running container what cannot be plugged in waits.
func (g *guest) change(k string, v *string) {
	if g.Running && !hotplugs(k) {
		if g.Pending == nil {
			g.Pending = map[string]*string{}
		}
		delete(g.Pending, k)
		if old, there := g.Conf[k]; v != nil && (!there || old != *v) || v == nil && there {
			g.Pending[k] = v
		}
		return
	}
	delete(g.Pending, k)
	if v == nil {
		delete(g.Conf, k)
	} else {
		g.Conf[k] = *v
	}
}

// applyPending makes the changes that waited for a start.
func (c *Cluster) applyPending(g *guest) {
	for k, v := range g.Pending {
		if v == nil {
			delete(g.Conf, k)
		} else {
			g.Conf[k] = *v
		}
	}
	g.Pending = nil
}

// normal writes values as Proxmox VE stores them.
func (q *call) normal(g *guest, set config) (config, error) {
	out := config{}
	for k, v := range set {
		switch {
		case k == "description":
			if !strings.HasSuffix(v, "\n") {
				v += "\n"
			}
		case k == "tags":
			v = normalTags(v)
		case k == "lock" && v == "":
			continue
		case strings.HasPrefix(k, "net"):
			v = q.normalNet(v, netMAC(g.Conf[k]))
		case strings.HasPrefix(k, "mp") && strings.Contains(v, ":"):
			stored, err := q.allocateMount(g, v)
			if err != nil {
				return nil, err
			}
			v = stored
		}
		out[k] = v
	}
	return out, nil
}

// normalTags are lower case, sorted, each once, joined by semicolons.
func normalTags(s string) string {
	tags := schema.Split(strings.ToLower(s))
	slices.Sort(tags)
	return strings.Join(slices.Compact(tags), ";")
}

// normalNet is a netN value in the stored order, with a MAC and a type.
func (q *call) normalNet(v, oldMAC string) string {
	m, _ := q.schema.Lookup("PUT", "/nodes/x/lxc/100/config")
	values, err := schema.ParseProperties(m.Property("net0").Keys, "net0", v)
	if err != nil {
		return v
	}
	if values["hwaddr"] == "" {
		values["hwaddr"] = oldMAC
		if oldMAC == "" {
			values["hwaddr"] = q.newMAC()
		}
	}
	values["hwaddr"] = strings.ToUpper(values["hwaddr"])
	values["type"] = "veth"
	parts := []string{"name=" + values["name"]}
	delete(values, "name")
	for _, k := range sortedKeys(values) {
		parts = append(parts, k+"="+values[k])
	}
	return strings.Join(parts, ",")
}

// newMAC makes an address with Proxmox's prefix.
func (c *Cluster) newMAC() string { return randomMAC(c.rng) }

func randomMAC(rng *rand.Rand) string {
	n := rng.Uint32()
	return fmt.Sprintf("BC:24:11:%02X:%02X:%02X", byte(n), byte(n>>8), byte(n>>16))
}

// mayChange checks the privileges that setting or deleting keys needs.
// Proxmox: PVE/LXC.pm check_ct_modify_config_perm.
func (q *call) mayChange(vmid int, pool string, set config, deleted []string, unprivileged bool) error {
	if q.who.root() {
		return nil
	}
	may := func(priv string) error {
		if pool != "" && q.may("/pool/"+pool, priv) == nil {
			return nil
		}
		return q.may(fmt.Sprintf("/vms/%d", vmid), priv)
	}
	keys := append(sortedKeys(set), deleted...)
	for _, k := range keys {
		v := set[k]
		var err error
		switch {
		case k == "features":
			err = q.mayFeatures(v, unprivileged)
			if err == nil {
				err = may("VM.Allocate")
			}
		case strings.HasPrefix(k, "mp") && strings.HasPrefix(v, "/"), k == "rootfs" && strings.HasPrefix(v, "/"):
			err = denied("mount point type bind is only allowed for root@pam")
		case k == "rootfs" || strings.HasPrefix(k, "mp") || strings.HasPrefix(k, "unused"):
			err = may("VM.Config.Disk")
		case strings.HasPrefix(k, "dev"):
			err = denied("configuring device passthrough is only allowed for root@pam")
		case k == "hookscript":
			err = denied("changing the hookscript is only allowed for root@pam")
		case strings.HasPrefix(k, "cpu") || k == "cores":
			err = may("VM.Config.CPU")
		case k == "memory" || k == "swap":
			err = may("VM.Config.Memory")
		case strings.HasPrefix(k, "net"):
			if err = may("VM.Config.Network"); err == nil && v != "" {
				err = q.mayBridge(v)
			}
		case k == "nameserver" || k == "searchdomain" || k == "hostname":
			err = may("VM.Config.Network")
		default:
			err = may("VM.Config.Options")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// mayFeatures lets all but root@pam set nesting alone, and that only on unprivileged containers.
func (q *call) mayFeatures(v string, unprivileged bool) error {
	if !unprivileged {
		return denied("changing feature flags for privileged container is only allowed for root@pam")
	}
	for _, part := range strings.Split(v, ",") {
		if k, _, _ := strings.Cut(part, "="); k != "nesting" && k != "" {
			return denied("changing feature flags (except nesting) is only allowed for root@pam")
		}
	}
	return nil
}

// mayBridge checks SDN.Use on the bridge of a netN value.
func (q *call) mayBridge(v string) error {
	for _, part := range strings.Split(v, ",") {
		if bridge, ok := strings.CutPrefix(part, "bridge="); ok {
			return q.may("/sdn/zones/localnetwork/"+bridge, "SDN.Use")
		}
	}
	return nil
}
