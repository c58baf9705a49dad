package pvesim

import (
	"testing"
)

// as gives the rig another token.
func (r *rig) as(user, id string, privsep bool) (undo func()) {
	old := r.auth
	full, secret := r.AddToken(user, id, privsep)
	r.auth = "PVEAPIToken=" + full + "=" + secret
	return func() { r.auth = old }
}

func TestPrivileges(t *testing.T) {
	r := start(t, Options{Nodes: 2})
	template := r.template("pve1")
	r.ok("POST", "/access/users", "userid", "proximity@pve", "password", "proxpass1")
	r.ok("POST", "/access/roles", "roleid", "ProximityRole", "privs",
		"VM.Allocate,VM.Audit,VM.Config.Disk,VM.Config.CPU,VM.Config.Memory,VM.Config.Network,VM.Config.Options,VM.Console,VM.PowerMgmt,VM.Snapshot,VM.Backup,VM.Clone,Datastore.AllocateSpace,Datastore.Audit,SDN.Use,Sys.Audit")
	root := r.auth
	undo := r.as("proximity@pve", "prox", true)
	create := func(vmid int, more ...any) []any {
		return append([]any{"vmid", vmid, "hostname", "t120", "ostemplate", template, "rootfs", "local-lvm:1", "memory", 128, "net0", "name=eth0,bridge=vmbr0,ip=dhcp"}, more...)
	}

	// Without privileges little is seen and nothing can be done.
	if row := r.ok("GET", "/nodes").([]any)[0].(map[string]any); row["maxmem"] != nil || row["ssl_fingerprint"] == nil {
		t.Errorf("a node's row without Sys.Audit: %v", row)
	}
	if rows := r.ok("GET", "/nodes/pve1/storage").([]any); len(rows) != 0 {
		t.Errorf("storages without privileges: %v", rows)
	}
	r.fails(403, "Permission check failed (/nodes/pve1, Sys.Audit)", "GET", "/nodes/pve1/status")
	r.fails(403, "Permission check failed (/, Sys.Audit)", "GET", "/cluster/status")
	r.fails(403, "Permission check failed", "POST", "/nodes/pve1/lxc", create(120)...)

	// The user's rights alone do not give a token with privilege separation any.
	grant := func(kind, who string) {
		mine := r.auth
		r.auth = root
		r.ok("PUT", "/access/acl", "path", "/", kind, who, "roles", "ProximityRole")
		r.auth = mine
	}
	grant("users", "proximity@pve")
	r.fails(403, "Permission check failed", "POST", "/nodes/pve1/lxc", create(120)...)
	grant("tokens", "proximity@pve!prox")
	if got := r.object("GET", "/access/permissions")["/vms"].(map[string]any); got["VM.Allocate"] != 1.0 || got["VM.Migrate"] != nil {
		t.Errorf("permissions on /vms: %v", got)
	}
	r.done("POST", "/nodes/pve1/lxc", create(120, "features", "nesting=1")...)
	r.fails(403, "Permission check failed (changing feature flags (except nesting) is only allowed for root@pam)", "POST", "/nodes/pve1/lxc", create(121, "features", "nesting=1,keyctl=1")...)
	r.fails(403, "Permission check failed (/, Sys.Modify)", "POST", "/nodes/pve1/lxc", create(121, "unprivileged", 0)...)
	r.fails(403, "Permission check failed (mount point type bind is only allowed for root@pam)", "POST", "/nodes/pve1/lxc", create(121, "mp0", "/srv,mp=/mnt")...)
	r.fails(403, "Permission check failed (changing feature flags (except nesting) is only allowed for root@pam)", "PUT", "/nodes/pve1/lxc/120/config", "features", "nesting=1,fuse=1")
	r.ok("PUT", "/nodes/pve1/lxc/120/config", "memory", 200)
	r.fails(403, "Permission check failed (/vms/120, VM.Migrate)", "POST", "/nodes/pve1/lxc/120/migrate", "target", "pve2")
	r.fails(403, "Permission check failed (/, Sys.Modify)", "POST", "/nodes/pve1/vzdump", "vmid", 120, "storage", "local", "bwlimit", 1000)
	if a := r.fails(400, "Parameter verification failed.", "POST", "/nodes/pve1/vzdump", "vmid", 120, "dumpdir", "/tmp"); a.Errors["dumpdir"] != "Only root may set this option." {
		t.Errorf("dumpdir: %v", a.Errors)
	}
	r.fails(403, "Permission check failed (/storage/local, Datastore.AllocateTemplate)", "POST", "/nodes/pve1/storage/local/download-url", "content", "vztmpl", "filename", "x.tar.xz", "url", "http://x/x.tar.xz")

	// A task of a token names both; its own list is empty without Sys.Audit, which it has here.
	row := r.ok("GET", "/nodes/pve1/tasks", "vmid", 120).([]any)[0].(map[string]any)
	if row["user"] != "proximity@pve" || row["tokenid"] != "prox" {
		t.Errorf("task row %v", row)
	}
	undo()

	// root's own tokens are not root.
	r.fails(403, "Permission check failed (changing feature flags (except nesting) is only allowed for root@pam)", "PUT", "/nodes/pve1/lxc/120/config", "features", "keyctl=1")
	if a := r.fails(400, "Parameter verification failed.", "POST", "/nodes/pve1/lxc/120/status/start", "skiplock", 1); a.Errors["skiplock"] != "Only root may use this option." {
		t.Errorf("skiplock: %v", a.Errors)
	}
	// A closer entry replaces what comes from above.
	undo = r.as("proximity@pve", "near", false)
	r.ok("GET", "/nodes/pve1/lxc/120/config")
	r.Grant("/vms/120", "proximity@pve", "PVEVMUser")
	r.fails(403, "Permission check failed (/vms/120, VM.Config.Disk|VM.Config.CPU|VM.Config.Memory|VM.Config.Network|VM.Config.Options)", "PUT", "/nodes/pve1/lxc/120/config", "cores", 2)
	r.Grant("/vms/120", "proximity@pve", "NoAccess")
	r.fails(403, "Permission check failed (/vms/120, VM.Audit)", "GET", "/nodes/pve1/lxc/120/config")
	if rows := r.ok("GET", "/cluster/resources", "type", "vm").([]any); len(rows) != 0 {
		t.Errorf("resources show %v", rows)
	}
	undo()
}

func TestPoolsGiveRights(t *testing.T) {
	r := start(t, Options{})
	r.ok("POST", "/pools", "poolid", "prox")
	template := r.template("pve1")
	r.ok("POST", "/access/users", "userid", "u@pve")
	r.Grant("/pool/prox", "u@pve", "PVEVMAdmin")
	r.Grant("/storage", "u@pve", "PVEDatastoreUser")
	r.Grant("/sdn", "u@pve", "PVESDNUser")
	defer r.as("u@pve", "tok", false)()
	params := []any{"vmid", 100, "ostemplate", template, "rootfs", "local-lvm:1", "net0", "name=eth0,bridge=vmbr0"}
	r.fails(403, "Permission check failed", "POST", "/nodes/pve1/lxc", params...)
	r.done("POST", "/nodes/pve1/lxc", append(params, "pool", "prox")...)
	r.done("POST", "/nodes/pve1/lxc/100/status/start")
	if row := r.ok("GET", "/cluster/resources", "type", "vm").([]any)[0].(map[string]any); row["pool"] != "prox" {
		t.Errorf("resources show %v", row)
	}
}
