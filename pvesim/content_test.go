package pvesim

import (
	"net/url"
	"slices"
	"strings"
	"testing"
)

func TestTemplatesAreDownloadedOnce(t *testing.T) {
	r := start(t, Options{Nodes: 2})
	names := map[any]bool{}
	for _, row := range r.ok("GET", "/nodes/pve1/aplinfo").([]any) {
		row := row.(map[string]any)
		if names[row["template"]] || row["os"] == "" || row["section"] == "" || len(row["sha512sum"].(string)) != 128 {
			t.Errorf("odd row %v", row)
		}
		names[row["template"]] = true
	}
	if len(names) != 26 || !names[alpine] {
		t.Errorf("%d templates", len(names))
	}
	if a := r.fails(400, "Parameter verification failed.", "POST", "/nodes/pve1/aplinfo", "storage", "local", "template", "none"); a.Errors["template"] != "no such template" {
		t.Errorf("%v", a.Errors)
	}
	r.template("pve1")
	if log := r.done("POST", "/nodes/pve1/aplinfo", "storage", "local", "template", alpine); !slices.Contains(log, "OK, got correct file already, no need to download") {
		t.Errorf("second download: %q", log)
	}
	row := r.ok("GET", "/nodes/pve1/storage/local/content", "content", "vztmpl").([]any)[0].(map[string]any)
	if row["volid"] != "local:vztmpl/"+alpine || row["format"] != "txz" {
		t.Errorf("row %v", row)
	}
	if rows := r.ok("GET", "/nodes/pve2/storage/local/content").([]any); len(rows) != 0 {
		t.Errorf("the other node has %v", rows)
	}
	r.done("POST", "/nodes/pve1/aplinfo", "storage", "nas", "template", alpine)
	if rows := r.ok("GET", "/nodes/pve2/storage/nas/content").([]any); len(rows) != 1 {
		t.Errorf("shared storage shows %v", rows)
	}
}

func TestStoragesFillUpAndEmpty(t *testing.T) {
	r := start(t, Options{NodeDiskGB: 100})
	used := func(name string) float64 {
		return r.object("GET", "/nodes/pve1/storage/"+name+"/status")["used"].(float64)
	}
	empty := used("local-lvm")
	r.create(100)
	full := used("local-lvm")
	if full <= empty {
		t.Errorf("a container takes %v bytes", full-empty)
	}
	r.done("DELETE", "/nodes/pve1/lxc/100")
	if got := used("local-lvm"); got != empty {
		t.Errorf("%v bytes stay after the container is gone", got-empty)
	}
	r.fails(500, "storage 'nosuch' does not exist", "POST", "/nodes/pve1/lxc", "vmid", 100, "ostemplate", "local:vztmpl/"+alpine, "rootfs", "nosuch:1")
	if a := r.fails(400, "Parameter verification failed.", "POST", "/nodes/pve1/lxc", "vmid", 100, "ostemplate", "local:vztmpl/"+alpine); a.Errors["storage"] != "storage 'local' does not support container directories" {
		t.Errorf("%v", a.Errors)
	}
	var content []any
	for _, row := range r.ok("GET", "/nodes/pve1/storage", "content", "rootdir").([]any) {
		content = append(content, row.(map[string]any)["storage"])
	}
	if len(content) != 1 || content[0] != "local-lvm" {
		t.Errorf("storages for containers: %v", content)
	}
}

func TestImagesAndFilesAreFetched(t *testing.T) {
	r := start(t, Options{})
	pull := "/nodes/pve1/storage/local/oci-registry-pull"
	r.done("POST", pull, "reference", "docker.io/library/nginx:1.29")
	r.fails(500, "refusing to override existing file 'nginx_1.29.tar'", "POST", pull, "reference", "nginx:1.29")
	log := r.done("POST", "/nodes/pve1/lxc", "vmid", 100, "ostemplate", "local:vztmpl/nginx_1.29.tar", "rootfs", "local-lvm:8", "net0", "name=eth0,bridge=vmbr0,ip=dhcp")
	conf := r.object("GET", "/nodes/pve1/lxc/100/config")
	if !slices.Contains(log, "Detected OCI archive") || conf["cmode"] != "console" || conf["entrypoint"] == nil || !strings.Contains(conf["net0"].(string), "host-managed=1") {
		t.Errorf("%q made %v", log, conf)
	}
	fetch := "/nodes/pve1/storage/local/download-url"
	r.done("POST", fetch, "url", "https://x/a.tar.zst", "content", "vztmpl", "filename", "a.tar.zst")
	if a := r.fails(400, "Parameter verification failed.", "POST", fetch, "url", "https://x/a.zip", "content", "vztmpl", "filename", "a.zip"); a.Errors["filename"] != "wrong file extension" {
		t.Errorf("%v", a.Errors)
	}
	at := "/nodes/pve1/storage/local/content/" + url.PathEscape("local:vztmpl/a.tar.zst")
	if upid := r.ok("DELETE", at).(string); !strings.Contains(upid, ":imgdel:local:root@pam!test:") {
		t.Errorf("UPID %s", upid)
	} else if exit, _ := r.ended(upid); exit != "OK" {
		t.Errorf("ended %q", exit)
	}
	if exit, _ := r.task("DELETE", at); exit != "volume 'local:vztmpl/a.tar.zst' does not exist" {
		t.Errorf("ended %q", exit)
	}
}

func TestForeignGuestsLookAlive(t *testing.T) {
	r := start(t, Options{Nodes: 3, Guests: 40, Seed: 3})
	kinds, states, names := map[any]int{}, map[any]int{}, map[any]bool{}
	for _, row := range r.ok("GET", "/cluster/resources", "type", "vm").([]any) {
		row := row.(map[string]any)
		kinds[row["type"]]++
		states[row["status"]]++
		names[row["name"]] = true
		if cpu := row["cpu"].(float64); cpu < 0 || cpu > 1 || row["mem"].(float64) > row["maxmem"].(float64) || row["maxdisk"].(float64) <= 0 {
			t.Errorf("odd row %v", row)
		}
		if running := row["status"] == "running"; running != (row["mem"].(float64) > 0) || running != (row["uptime"].(float64) > 0) {
			t.Errorf("odd row %v", row)
		}
	}
	if kinds["qemu"] == 0 || kinds["lxc"] < 30 || states["running"] < 20 || states["stopped"] == 0 || len(names) != 40 {
		t.Errorf("%v %v, %d names", kinds, states, len(names))
	}
	again := start(t, Options{Nodes: 3, Guests: 40, Seed: 3})
	a, b := r.Guests(), again.Guests()
	for i := range a {
		if a[i].Hostname != b[i].Hostname || a[i].Status != b[i].Status || a[i].MemoryMB != b[i].MemoryMB {
			t.Errorf("with the same seed %+v became %+v", a[i], b[i])
		}
	}
	for _, g := range a {
		if g.Type == "lxc" && g.Status == "running" {
			if got := r.inside(g.VMID, "hostname"); got != g.Hostname+"\n" {
				t.Errorf("inside %s: %q", g.Hostname, got)
			}
			break
		}
	}
}
