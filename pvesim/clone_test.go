package pvesim

import (
	"strings"
	"testing"
)

func TestACopyIsLockedAndHasItsSourcesConfigurationWhileItIsMade(t *testing.T) {
	r := start(t, Options{Nodes: 2, TaskTime: 0.2, Storages: []Storage{{Name: "pool", Type: "rbd", Content: []string{"rootdir"}, Shared: true, GB: 100}}})
	r.create(100, "description", "the source", "rootfs", "pool:8")
	upid := r.ok("POST", "/nodes/pve1/lxc/100/clone", "newid", 101, "full", 1, "hostname", "copy", "description", "the copy", "target", "pve2").(string)
	making := r.object("GET", "/nodes/pve1/lxc/101/config")
	if making["lock"] != "create" || making["description"] != "the copy\n" || making["rootfs"] != nil || !strings.Contains(making["net0"].(string), "hwaddr=") {
		t.Errorf("while it is made it is %v", making)
	}
	r.fails(500, "CT is locked (create)", "DELETE", "/nodes/pve1/lxc/101")
	if exit, _ := r.ended(upid); exit != "OK" {
		t.Fatal(exit)
	}
	made := r.object("GET", "/nodes/pve2/lxc/101/config")
	if made["lock"] != nil || made["rootfs"] != "pool:vm-101-disk-0,size=8G" || made["net0"] != making["net0"] {
		t.Errorf("it has become %v", made)
	}
}

func TestLocalDisksKeepACopyOnItsNode(t *testing.T) {
	r := start(t, Options{Nodes: 2, Storages: []Storage{{Name: "thick", Type: "lvm", Content: []string{"rootdir"}, GB: 100}}})
	r.create(100, "rootfs", "thick:8")
	r.fails(500, "can't clone CT to node 'pve2' (CT uses local storage)", "POST", "/nodes/pve1/lxc/100/clone", "newid", 101, "target", "pve2")
	if has := r.object("GET", "/nodes/pve1/lxc/100/feature", "feature", "snapshot")["hasFeature"]; has != 0.0 {
		t.Errorf("a thick LV can have snapshots: %v", has)
	}
}
