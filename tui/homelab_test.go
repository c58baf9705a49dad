package tui

import (
	"fmt"
	"time"

	"proximity/core"
)

// noon is the moment the scripted world stands at.
var noon = time.Date(2026, 11, 24, 14, 32, 7, 0, time.UTC)

func ago(d time.Duration) time.Time { return noon.Add(-d) }

func deploySteps(at int) []core.StepView {
	titles := []string{"choose a node", "reserve a container number", "fetch the template debian-12", "create the container", "start the container", "find its address", "install docker", "try docker out", "start immich", "wait until it answers", "open port 8104", "finish"}
	steps := make([]core.StepView, len(titles))
	for i, t := range titles {
		steps[i] = core.StepView{Name: fmt.Sprint("s", i), Title: t, State: "pending"}
		begin := ago(time.Duration(len(titles)-i) * 12 * time.Second)
		switch {
		case i+1 < at:
			steps[i].State, steps[i].StartedAt, steps[i].EndedAt = "done", begin, begin.Add(11*time.Second+300*time.Millisecond)
		case i+1 == at:
			steps[i].State, steps[i].StartedAt, steps[i].Progress, steps[i].Note = "running", ago(52*time.Second), 0.58, "61 of 104 packages"
		}
	}
	return steps
}

const mib = int64(1) << 20

func running(cpu float64, mem, max int64, up time.Duration) *core.Metrics {
	return &core.Metrics{CPU: cpu, Cores: 2, Mem: mem * mib, MaxMem: max * mib, Disk: 6200 * mib, MaxDisk: 20480 * mib, Uptime: int64(up.Seconds()), Net: &core.Traffic{In: 12e3, Out: 40e3}}
}

// homelab is a world with a bit of everything: good, busy, broken, stale.
func homelab() *core.World {
	app := func(host, item, name, version, node string, vmid int, m *core.Metrics) core.AppView {
		return core.AppView{
			ID: item + "-" + fmt.Sprintf("%08x", vmid), CatalogID: item, Name: name, Version: version, Hostname: host, Status: core.StatusRunning,
			Owner: "ops", Host: "homelab", Node: node, VMID: vmid, Address: fmt.Sprintf("10.0.0.%d", vmid-90), PublicPort: 8000 + vmid, InternalPort: 3000,
			URL: fmt.Sprintf("http://home.lan:%d", 8000+vmid), Cores: 2, MemoryMB: 2048, DiskGB: 20, SwapMB: 512, OS: "debian-12", Storage: "local-lvm",
			CreatedAt: ago(300 * time.Hour), UpdatedAt: ago(72 * time.Hour), ChangedAt: ago(290 * time.Hour), Metrics: m,
			Protection: &core.Protection{State: "protected", Backups: 2, Size: 3 << 30, Last: ago(12 * time.Hour), LastID: 41, Next: noon.Add(11*time.Hour + 28*time.Minute), Schedule: "nightly", Keep: "daily 7, weekly 4"},
		}
	}
	w := &core.World{At: noon}
	w.Hosts = []core.HostView{
		{Name: "homelab", URL: "https://10.0.0.2:8006", Auth: "token", User: "prox@pve!console", Default: true, Fingerprint: "3F:A1:07:9C", SSHUser: "root", SSHPort: 22, Cluster: "homelab", State: "online", LastSeen: ago(time.Second), Nodes: 2, NodesOnline: 2, Apps: 8},
		{Name: "barn", URL: "https://10.1.0.2:8006", Auth: "password", User: "root@pam", State: "unreachable", Error: "connect timed out (10.1.0.2:8006)", Since: ago(2 * time.Minute), LastSeen: ago(125 * time.Second), NextTry: noon.Add(28 * time.Second), Tries: 6, Nodes: 1, Apps: 1},
	}
	stores := []core.StorageView{{Name: "local-lvm", Type: "lvmthin", Content: []string{"rootdir", "images"}, Used: 340 << 30, Total: 500 << 30, Active: true}, {Name: "nas", Type: "nfs", Content: []string{"backup", "vztmpl"}, Used: 1920 << 30, Total: 2000 << 30, Active: true, Shared: true}}
	w.Nodes = []core.NodeView{
		{Host: "homelab", Name: "pve1", State: "online", Metrics: &core.Metrics{CPU: 0.41, Cores: 16, Mem: 45 << 30, MaxMem: 64 << 30, Disk: 77 << 30, MaxDisk: 100 << 30, Uptime: 12 * 86400}, AsOf: ago(time.Second), Apps: 5, Guests: 14, FreeMB: 19456, FreeDiskGB: 160, FreeStorage: "local-lvm", Promised: 2048, Storages: stores},
		{Host: "homelab", Name: "pve3", State: "online", Metrics: &core.Metrics{CPU: 0.12, Cores: 8, Mem: 14 << 30, MaxMem: 32 << 30, Disk: 61 << 30, MaxDisk: 100 << 30, Uptime: 40 * 86400}, AsOf: ago(time.Second), Apps: 3, Guests: 5, FreeMB: 8192, FreeDiskGB: 160, FreeStorage: "local-lvm", Storages: stores[:1]},
		{Host: "barn", Name: "barn1", State: "unreachable", Metrics: &core.Metrics{CPU: 0.38, Cores: 4, Mem: 9 << 30, MaxMem: 16 << 30, Disk: 70 << 30, MaxDisk: 100 << 30, Uptime: 9 * 86400}, Stale: true, AsOf: ago(125 * time.Second), Apps: 1, Guests: 3},
	}
	gitea := app("gitea", "gitea", "Gitea", "1.22.3", "pve1", 107, running(0.04, 412, 1024, 290*time.Hour))
	gitea.Notes = "Open the web address and create the first account: it becomes the administrator. SSH clones use port 2222."
	jelly := app("jellyfin", "jellyfin", "Jellyfin", "10.10", "pve1", 121, nil)
	gitea.Protection = &core.Protection{State: "overdue", Backups: 3, Size: 5 << 30, Last: ago(36 * time.Hour), LastID: 39, Next: noon.Add(11*time.Hour + 28*time.Minute), Schedule: "nightly", Keep: "daily 7, weekly 4",
		Alert: "backup failed: storage nas: no space left on device", Since: ago(12 * time.Hour)}
	jelly.Protection = nil
	jelly.Status, jelly.URL, jelly.Job, jelly.ChangedAt = core.StatusDeploying, "", &core.JobRef{ID: 482, Kind: "deploy", State: "running", Step: 7, Steps: 12, Title: "install docker", Progress: 0.64}, ago(134*time.Second)
	kuma := app("uptime-kuma", "uptime-kuma", "Uptime Kuma", "1.23", "pve1", 115, nil)
	kuma.Status, kuma.Error, kuma.Hint = core.StatusError, "the app did not answer on port 3001 within 5 minutes", "look at its log with l, or delete it and deploy again"
	wiki := app("wiki", "dokuwiki", "DokuWiki", "2025", "barn1", 130, running(0.02, 210, 1024, 99*time.Hour))
	wiki.Host, wiki.Stale, wiki.AsOf = "barn", true, ago(125*time.Second)
	blog := app("blog", "ghost", "Ghost", "5.96", "pve3", 119, &core.Metrics{MaxMem: 1024 * mib})
	blog.Status = core.StatusStopped
	blog.Protection = &core.Protection{State: "unprotected"}
	post := app("postgres", "postgres", "PostgreSQL", "16", "pve3", 102, running(0.12, 820, 2048, 960*time.Hour))
	post.Drift = "stopped outside Proximity"
	w.Apps = []core.AppView{
		app("adguard", "adguard", "AdGuard Home", "0.107", "pve1", 103, running(0.02, 180, 512, 290*time.Hour)), blog, gitea,
		app("immich", "immich", "Immich", "1.119", "pve1", 118, running(0.83, 3900, 4096, 70*time.Hour)), jelly,
		app("paperless", "paperless", "Paperless-ngx", "2.12", "pve3", 109, running(0.01, 600, 1024, 290*time.Hour)), post, kuma, wiki,
	}
	w.Jobs = []core.JobView{
		{ID: 482, Kind: "deploy", Title: "deploy jellyfin", AppID: jelly.ID, Target: "jellyfin", Owner: "ops", State: "running", Progress: 0.64, Step: 7, Steps: deploySteps(7), CreatedAt: ago(134 * time.Second), StartedAt: ago(134 * time.Second)},
		{ID: 483, Kind: "deploy", Title: "deploy notes", Target: "notes", Owner: "dev", State: "waiting", Waiting: "waiting for host barn", RetryAt: noon.Add(40 * time.Second), CreatedAt: ago(66 * time.Second), StartedAt: ago(66 * time.Second), Step: 1, Steps: deploySteps(1)},
		{ID: 480, Kind: "deploy", Title: "deploy paperless", AppID: "paperless-0000006d", Owner: "ops", State: "succeeded", Ended: true, Progress: 1, CreatedAt: ago(12 * time.Minute), StartedAt: ago(12 * time.Minute), EndedAt: ago(10 * time.Minute), Steps: deploySteps(13), Step: 12},
		{ID: 471, Kind: "deploy", Title: "deploy uptime-kuma", AppID: kuma.ID, Owner: "dev", State: "failed", Ended: true, Error: "the app did not answer on port 3001 within 5 minutes", Hint: "look at its log with l, or delete it and deploy again", Left: "container 115 on pve1 is left for you to look at", CreatedAt: ago(5 * time.Hour), StartedAt: ago(5 * time.Hour), EndedAt: ago(5*time.Hour - 7*time.Minute), Step: 10, Steps: deploySteps(10)},
		{ID: 460, Kind: "deploy", Title: "deploy blog", AppID: blog.ID, Owner: "dev", State: "cancelled", Ended: true, CancelBy: "dev", CreatedAt: ago(70 * time.Hour), StartedAt: ago(70 * time.Hour), EndedAt: ago(70*time.Hour - 48*time.Second)},
	}
	w.Alerts = []core.Alert{
		{Level: "error", Text: "host barn does not answer: connect timed out", Since: ago(2 * time.Minute), Object: "host/barn"},
		{Level: "error", Text: "uptime-kuma: the app did not answer on port 3001", Since: ago(5 * time.Hour), Object: "app/" + kuma.ID},
		{Level: "warning", Text: "storage nas on pve1 is 96 % full", Since: ago(26 * time.Hour), Object: "node/homelab/pve1"},
	}
	w.Protected, w.BackupsRev = core.Protected{Apps: 8, Protected: 6, Newest: ago(12 * time.Hour), Oldest: ago(36 * time.Hour), Next: noon.Add(11*time.Hour + 28*time.Minute), Schedules: 1}, 1
	w.Totals = core.Totals{CPU: 0.31, Cores: 24, Mem: 59 << 30, MaxMem: 96 << 30, Disk: 138 << 30, MaxDisk: 200 << 30, Net: &core.Traffic{In: 12.4e6, Out: 3.1e6}, NodesOnline: 2, Nodes: 3, Known: true, Stale: false}
	return w
}

func shelf() []core.CatalogueItem {
	item := func(id, name, tag, cat string, c, mem, disk, port int) core.CatalogueItem {
		return core.CatalogueItem{ID: id, Name: name, Version: "1.0", Tagline: tag, Description: tag + ". It keeps its data in a volume and needs nothing else.", Category: cat, License: "MIT", Website: "https://" + id + ".example", OS: "debian-12", MinCores: c, MinMemoryMB: mem, MinDiskGB: disk, Port: port, Images: []string{id + ":1.0"}, Volumes: []string{"data"}, Origin: "embedded", Recipe: "services:\n  " + id + ":\n    image: " + id + ":1.0\n"}
	}
	out := []core.CatalogueItem{
		item("adminer", "Adminer", "Database client in one page", "database", 1, 256, 4, 8080),
		item("gitea", "Gitea", "Git forge with issues and packages", "dev", 1, 512, 10, 3000),
		item("immich", "Immich", "Photo and video library with phone backup", "photos", 2, 4096, 20, 2283),
		item("lychee", "Lychee", "Simple photo gallery", "photos", 1, 512, 5, 80),
		item("miniflux", "Miniflux", "Feed reader without frills", "media", 1, 512, 5, 8080),
		item("uptime-kuma", "Uptime Kuma", "Watches that things answer", "monitor", 1, 256, 4, 3001),
		item("vaultwarden", "Vaultwarden", "Password vault for a family", "security", 1, 256, 4, 80),
	}
	out[3].Origin, out[3].Overrides = "/srv/apps", "embedded"
	out[4].Fields = []core.FieldView{
		{Key: "ADMIN_USER", Label: "Admin user", Type: "string", Default: "admin", Required: true, Help: "who may change settings"},
		{Key: "ADMIN_PASSWORD", Label: "Admin password", Type: "password", Generated: true, Secret: true},
		{Key: "POLLING", Label: "Polling", Type: "select", Options: []core.FieldOption{{Value: "15m", Label: "15m"}, {Value: "30m", Label: "30m"}, {Value: "60m", Label: "60m"}}, Default: "30m", Advanced: true},
		{Key: "PROXY", Label: "Behind a proxy", Type: "boolean", Default: "false", Advanced: true},
		{Key: "DB", Label: "Database name", Type: "string", Hidden: true},
	}
	return out
}

func newScripted() *scripted {
	s := &scripted{world: homelab(), items: shelf(), mailbox: make(chan struct{}, 1), blocked: make(chan struct{}, 100)}
	s.check = core.DeployCheck{
		Fits: []core.NodeFit{{Host: "homelab", Node: "pve1", Fits: true, FreeMB: 19456, FreeDiskGB: 160, Storage: "local-lvm"}, {Host: "homelab", Node: "pve3", Fits: true, FreeMB: 8192, FreeDiskGB: 90, Storage: "local-lvm"}, {Host: "barn", Node: "barn1", Reason: "does not answer"}},
		Node: "pve1", Host: "homelab", Cores: 2, MemoryMB: 2048, DiskGB: 20, SwapMB: 512, OS: "debian-12", Storage: "local-lvm", Bridge: "vmbr0", Network: "dhcp", Port: 8105, Internal: 8080, Secrets: 1,
	}
	for i := range 40 {
		level := "info"
		if i%13 == 7 {
			level = "warning"
		}
		s.logs = append(s.logs, core.LogLine{Seq: uint64(i + 1), Time: ago(time.Duration(120-2*i) * time.Second), Level: level, Text: fmt.Sprintf("Setting up package-%d (1.%d-1~debian.12) ...", i, i)})
		s.appLog = append(s.appLog, fmt.Sprintf("2026/11/24 14:%02d:10 router: completed GET /api/v1/version for 10.0.0.%d, 200 OK in %d.1ms", i, i, i))
	}
	s.found = []core.FoundGuest{
		{Host: "homelab", Node: "pve1", VMID: 201, Name: "pihole", Status: "running", OS: "debian", Cores: 1, MemoryMB: 512, DiskGB: 4, Uptime: 86400 * 12, Ports: []int{53, 80}, PortsKnown: true, LooksLike: "pihole", Sure: true, Port: 80, Hostname: "pihole"},
		{Host: "homelab", Node: "pve1", VMID: 202, Name: "old-wiki", Status: "stopped", OS: "debian", Cores: 1, MemoryMB: 1024, DiskGB: 10, LooksLike: "dokuwiki", Port: 80, Hostname: "old-wiki"},
		{Host: "homelab", Node: "pve3", VMID: 210, Name: "k3s-a", Status: "running", OS: "ubuntu", Cores: 4, MemoryMB: 8192, DiskGB: 40, Uptime: 3600, PortsKnown: true, Hostname: "k3s-a", Note: "managed by another Proximity"},
	}
	s.records = []core.AuditView{
		{Seq: 6, Time: ago(time.Second), User: "dev", Via: core.ViaSSH, From: "10.0.0.9", Action: "app.restart", Target: "gitea", Result: "running", Job: 483},
		{Seq: 5, Time: ago(137 * time.Second), User: "ops", Via: core.ViaSSH, From: "10.0.0.4", Action: "app.deploy", Target: "jellyfin", Result: "running", Detail: "jellyfin on pve1", Job: 482},
		{Seq: 4, Time: ago(30 * time.Minute), User: "dev", Via: core.ViaSSH, From: "10.0.0.9", Action: "app.config", Target: "gitea", Result: "ok", Detail: "memory 512 → 1024 MB", Job: 470, Undo: true},
		{Seq: 3, Time: ago(51 * time.Minute), User: "qa1", Via: core.ViaSSH, From: "10.8.0.3", Action: "app.stop", Target: "nextcloud", Result: "denied", Detail: "a viewer may not change apps (ask an admin)"},
		{Seq: 2, Time: ago(50 * time.Hour), User: "cron", Via: core.ViaScheduler, Action: "app.repair", Target: "wiki", Result: "ok", Detail: "job 460: its container is on pve3 now"},
		{Seq: 1, Time: ago(51 * time.Hour), User: "ops", Via: core.ViaLocal, Action: "host.add", Target: "homelab", Result: "ok", Detail: "https://10.0.0.2:8006"},
	}
	s.chain = core.AuditCheck{OK: true, Records: 6, Verified: 6, Since: ago(51 * time.Hour)}
	s.backups, s.schedules, s.marks = vaultOf(s.world)
	s.present = []core.Presence{{User: "ops", Place: "Apps"}, {User: "dev", Place: "Apps › gitea › Overview"}}
	return s
}
