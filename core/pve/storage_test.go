package pve

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestStorages(t *testing.T) {
	f := newFake(t)
	f.data("GET /nodes/pve1/storage", `[{"enabled":1,"total":270553174016,"storage":"local","used":23671193600,"type":"dir","avail":74122100736,"content":"snippets,backup,rootdir,iso,vztmpl","used_fraction":0.0874918347792147,"shared":0,"active":1},
		{"storage":"nas","type":"nfs","content":"backup","active":0,"enabled":"1","shared":1,"total":0,"used":0,"avail":0}]`)
	got, err := f.client(t, Config{}).Storages(testContext(t), "pve1")
	want := []NodeStorage{
		{Name: "local", Type: "dir", Content: []string{"backup", "iso", "rootdir", "snippets", "vztmpl"}, Active: true, Enabled: true, Total: 270553174016, Used: 23671193600, Avail: 74122100736},
		{Name: "nas", Type: "nfs", Content: []string{"backup"}, Enabled: true, Shared: true}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v, %v\nwant\n%+v", got, err, want)
	}
	if !got[0].Holds("vztmpl") || got[1].Holds("rootdir") {
		t.Error("what the storages hold is not told apart")
	}
}

func TestContent(t *testing.T) {
	f := newFake(t)
	route := "GET /nodes/pve1/storage/local/content"
	f.data(route, `[{"volid":"local:backup/vzdump-lxc-100-2026_11_23-01_02_03.tar.zst","content":"backup","format":"tar.zst","size":123456789,"ctime":1795409238,"vmid":"100","notes":"web","protected":1,"subtype":"lxc"},
		{"volid":"local:vztmpl/debian-12.tar.zst","content":"vztmpl","format":"tzst","size":"126515062"}]`)
	c := f.client(t, Config{})
	got, err := c.Content(testContext(t), "pve1", "local", "backup", 100)
	want := []Volume{
		{VolID: "local:backup/vzdump-lxc-100-2026_11_23-01_02_03.tar.zst", Content: "backup", Format: "tar.zst", Size: 123456789, Created: time.Unix(1795409238, 0), VMID: 100, Notes: "web", Protected: true, Subtype: "lxc"},
		{VolID: "local:vztmpl/debian-12.tar.zst", Content: "vztmpl", Format: "tzst", Size: 126515062}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v, %v\nwant\n%+v", got, err, want)
	}
	c.Templates(testContext(t), "pve1", "local")
	c.Content(testContext(t), "pve1", "local", "", 0)
	for i, want := range []string{"content=backup&vmid=100", "content=vztmpl", ""} {
		if got := f.requests(route)[i].query; got != want {
			t.Errorf("asked for %q, want %q", got, want)
		}
	}
}

func TestVolumesAreNamedWhole(t *testing.T) {
	f := newFake(t)
	path := "/nodes/pve1/storage/local/content/local:backup%2Fvzdump-lxc-100.tar.zst"
	upid := `"UPID:pve1:0000014A:00035C8C:6B03C4D8:imgdel:101@local:root@pam:"`
	f.data("DELETE "+path, upid)
	f.data("PUT "+path, `null`)
	c := f.client(t, Config{})
	if u, err := c.DeleteVolume(testContext(t), "pve1", "local:backup/vzdump-lxc-100.tar.zst"); err != nil || `"`+string(u)+`"` != upid {
		t.Errorf("got %q, %v", u, err)
	}
	yes, notes := true, "keep"
	if err := c.SetVolume(testContext(t), "pve1", "local:backup/vzdump-lxc-100.tar.zst", &notes, &yes); err != nil {
		t.Error(err)
	}
	want := map[string]any{"notes": "keep", "protected": 1.}
	if got := sentBody(t, f.requests("")[1]); !reflect.DeepEqual(got, want) {
		t.Errorf("sent %v", got)
	}
	f.data("DELETE "+path, `null`)
	if u, err := c.DeleteVolume(testContext(t), "pve1", "local:backup/vzdump-lxc-100.tar.zst"); err != nil || u != "" {
		t.Errorf("gone at once: %q, %v", u, err)
	}
}

func TestAppliances(t *testing.T) {
	f := newFake(t)
	c := f.client(t, Config{})
	f.data("GET /nodes/pve1/aplinfo", `[]`)
	if got, err := c.Appliances(testContext(t), "pve1"); err != nil || len(got) != 0 {
		t.Errorf("an index never fetched: %v, %v", got, err)
	}
	f.data("GET /nodes/pve1/aplinfo", `[{"package":"alpine-3.22-default","version":"20250617","type":"lxc","os":"alpine","section":"system","headline":"LXC default image","template":"alpine-3.22-default_20250617_amd64.tar.xz","architecture":"amd64","location":"http://download.proxmox.com/x","source":"http://download.proxmox.com","description":"d","sha512sum":"x"}]`)
	got, err := c.Appliances(testContext(t), "pve1")
	if err != nil || !slices.Equal(got, []string{"alpine-3.22-default_20250617_amd64.tar.xz"}) {
		t.Errorf("got %+v, %v", got, err)
	}
	f.data("POST /nodes/pve1/aplinfo", `"UPID:pve1:0000014A:00035C8C:6B03C4D8:download:alpine:root@pam:"`)
	if u, err := c.DownloadAppliance(testContext(t), "pve1", "local", "alpine.tar.xz"); err != nil || !strings.Contains(string(u), ":download:") {
		t.Errorf("got %q, %v", u, err)
	}
	f.status("POST /nodes/pve1/aplinfo", 400, "Parameter verification failed.", `{"data":null,"errors":{"template":"no such template"}}`)
	if _, err := c.DownloadAppliance(testContext(t), "pve1", "local", "x"); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v", err)
	}
}
