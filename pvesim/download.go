package pvesim

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"net/url"
	"path"
	"regexp"
	"strings"
	"time"
)

// appliance is a template that Proxmox offers for download.
type appliance struct {
	Template    string `json:"template"`
	OS          string `json:"os"`
	Section     string `json:"section"`
	Version     string `json:"version"`
	Headline    string `json:"headline"`
	Description string `json:"description"`
	Infopage    string `json:"infopage"`
	Size        int64  `json:"size"` // bytes, for the simulated download
}

//go:embed aplinfo.json
var aplinfo []byte

// appliances is the index of templates.
func appliances() []appliance {
	var all []appliance
	if err := json.Unmarshal(aplinfo, &all); err != nil {
		panic(err) // embedded, and read by a test
	}
	return all
}

func (a appliance) location() string {
	if a.Section == "turnkeylinux" {
		return "https://releases.turnkeylinux.org/pve/" + a.Template
	}
	return "http://download.proxmox.com/images/" + a.Section + "/" + a.Template
}

func (a appliance) row() map[string]any {
	name, _, _ := strings.Cut(a.Template, "_")
	sum := ""
	for i := range 8 {
		sum += fmt.Sprintf("%016x", random(int64(i), a.Template))
	}
	row := map[string]any{
		"package": name, "version": a.Version, "type": "lxc", "os": a.OS, "section": a.Section, "headline": a.Headline, "description": a.Description,
		"infopage": a.Infopage, "architecture": "amd64", "location": a.location(), "source": "http://download.proxmox.com/images", "template": a.Template,
		"md5sum": sum[:32], "sha512sum": sum,
	}
	if a.Section == "turnkeylinux" {
		row["source"] = "https://releases.turnkeylinux.org/pve"
	} else {
		row["maintainer"] = "Proxmox Support Team <support@proxmox.com>"
	}
	return row
}

func getAppliances(*call) (any, error) {
	rows := []map[string]any{}
	for _, a := range appliances() {
		rows = append(rows, a.row())
	}
	return rows, nil
}

func downloadAppliance(q *call) (any, error) {
	s := q.storage(q.p["storage"])
	if s == nil {
		return nil, failf("storage '%s' does not exist", q.p["storage"])
	}
	for _, a := range appliances() {
		if a.Template != q.p["template"] {
			continue
		}
		if !s.holds("vztmpl") {
			return nil, failf("storage '%s' does not support container templates", s.Name)
		}
		return q.download(s, "vztmpl", a.Template, a.location(), a.Size, true), nil
	}
	return nil, paramErr("template", "no such template")
}

// bandwidth of downloads: 40 MB/s.
const bandwidth = 40 << 20

// download starts a download onto a storage.
func (q *call) download(s *storage, content, file, from string, size int64, existingOK bool) string {
	volid := s.Name + ":" + content + "/" + file
	to, fault := s.file(volid), q.fault
	return q.spawn("download", "", func(t *task) error {
		var there bool
		t.locked(func() { there = t.c.volume(t.Node, volid) != nil })
		t.logf("downloading %s to %s", from, to)
		if there && existingOK {
			t.logf("OK, got correct file already, no need to download")
			return nil
		}
		if err := t.fetch(from, to, size); err != nil {
			return fmt.Errorf("download failed: %w", err)
		}
		err := t.lockedErr(func() error {
			if t.c.room(s, t.Node, size, fault) != nil {
				return fmt.Errorf("unable to save downloaded file '%s': No space left on device", to)
			}
			t.c.addVolume(&volume{
				Volid: volid, Storage: s.Name, Node: t.Node, Content: content, Format: templateFormat(file), Size: size, Used: size, CTime: t.c.now().Unix(),
			})
			return nil
		})
		if err != nil {
			return err
		}
		t.logf("calculating checksum...OK, checksum verified")
		t.logf("download of '%s' to '%s' finished", from, to)
		return nil
	})
}

// fetch writes wget's progress while the time passes.
func (t *task) fetch(from, to string, size int64) error {
	host := from
	if u, err := url.Parse(from); err == nil {
		host = u.Host
	}
	t.logf("--%s--  %s", t.c.now().UTC().Format("2006-01-02 15:04:05"), from)
	t.logf("Resolving %s (%s)... 212.224.123.70, 2a01:7e0:0:424::249", host, host)
	t.logf("Connecting to %s (%s)|212.224.123.70|:80... connected.", host, host)
	t.logf("HTTP request sent, awaiting response... 200 OK")
	t.logf("Length: %d (%s) [application/octet-stream]", size, mib(size)[:len(mib(size))-2])
	t.logf("Saving to: '%s.tmp_dwnl.%d'", to, t.PID)
	const steps = 16
	total := time.Duration(float64(size)/bandwidth*float64(time.Second)) + 400*time.Millisecond
	for i := 1; i <= steps; i++ {
		if err := t.sleep(total / steps); err != nil {
			return err
		}
		t.logf("%6dK ........ ........ ........ ........ %3d%% 40.0M %.0fs", size*int64(i-1)/steps>>10, 100*i/steps, (total - total*time.Duration(i)/steps).Seconds())
	}
	t.logf("%s (40.0 MB/s) - '%s.tmp_dwnl.%d' saved [%d/%d]", t.c.now().UTC().Format("2006-01-02 15:04:05"), to, t.PID, size, size)
	return nil
}

var templateName = regexp.MustCompile(`\A[a-zA-Z0-9_.\-]+(?:\.tar\.gz|\.tar\.xz|\.tar\.zst|\.tar\.bz2|\.tar)\z`)

func downloadURL(q *call) (any, error) {
	s, err := q.pathStorage()
	if err != nil {
		return nil, err
	}
	content := q.p["content"]
	if !s.holds(content) {
		return nil, failf("storage '%s' is not configured for content-type '%s'", s.Name, content)
	}
	file := path.Base(q.p["filename"])
	if content == "vztmpl" && !templateName.MatchString(file) || content == "iso" && !strings.HasSuffix(file, ".iso") && !strings.HasSuffix(file, ".img") {
		return nil, paramErr("filename", "wrong file extension")
	}
	if q.volume(q.node.Name, s.Name+":"+content+"/"+file) != nil {
		return nil, failf("refusing to override existing file '%s'", file)
	}
	return q.download(s, content, file, q.p["url"], downloadSize(q.p["url"]), false), nil
}

// downloadSize is what a made-up file has: 30 to 230 MB.
func downloadSize(of string) int64 { return int64(30+random(0, of)%200) << 20 }

func getURLMetadata(q *call) (any, error) {
	return map[string]any{"filename": path.Base(q.p["url"]), "size": downloadSize(q.p["url"]), "mimetype": "application/octet-stream"}, nil
}

var unsafeName = regexp.MustCompile(`[^a-zA-Z0-9_.\-]`)

func pullOCI(q *call) (any, error) {
	s, err := q.pathStorage()
	if err != nil {
		return nil, err
	}
	if !s.holds("vztmpl") {
		return nil, failf("storage '%s' is not configured for content-type 'vztmpl'", s.Name)
	}
	reference := q.p["reference"]
	name := q.p["filename"]
	if name == "" {
		name = path.Base(reference)
	}
	file := unsafeName.ReplaceAllString(name, "_") + ".tar"
	volid := s.Name + ":vztmpl/" + file
	if q.volume(q.node.Name, volid) != nil {
		return nil, failf("refusing to override existing file '%s'", file)
	}
	size, fault := downloadSize(reference), q.fault
	return q.spawn("ociregistrypull", "", func(t *task) error {
		t.logf("pulling OCI image '%s' to '%s'", reference, s.file(volid))
		for _, what := range []string{"Getting image source signatures", "Copying blob sha256:" + fmt.Sprintf("%016x", random(1, reference)), "Copying config sha256:" + fmt.Sprintf("%016x", random(2, reference)), "Writing manifest to image destination"} {
			t.logf("%s", what)
			if err := t.sleep(time.Duration(float64(size) / bandwidth / 4 * float64(time.Second))); err != nil {
				return err
			}
		}
		return t.lockedErr(func() error {
			if t.c.room(s, t.Node, size, fault) != nil {
				return fmt.Errorf("unable to save '%s': No space left on device", file)
			}
			t.c.addVolume(&volume{Volid: volid, Storage: s.Name, Node: t.Node, Content: "vztmpl", Format: "tar", Size: size, Used: size, CTime: t.c.now().Unix(), Image: reference})
			return nil
		})
	}), nil
}

// SetTags says which tags a registry has for a repository ("docker.io/library/nginx"); of others it has some made up.
func (c *Cluster) SetTags(repository string, tags ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.tags == nil {
		c.tags = map[string][]string{}
	}
	c.tags[repository] = tags
}

func getOCITags(q *call) (any, error) {
	if tags, ok := q.tags[q.p["reference"]]; ok {
		return tags, nil
	}
	tags := []string{"latest"}
	major := 1 + random(0, q.p["reference"])%20
	for i := range uint64(5) {
		tags = append(tags, fmt.Sprintf("%d.%d", major, i), fmt.Sprintf("%d.%d-alpine", major, i))
	}
	return tags, nil
}
