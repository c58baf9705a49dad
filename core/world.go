package core

import "time"

// World is all that one actor may see at one moment: immutable, shared by the
// sessions of equal sight, made from memory so that drawing never waits.
type World struct {
	At     time.Time
	Hosts  []HostView
	Nodes  []NodeView
	Apps   []AppView // by hostname
	Jobs   []JobView // unfinished first, then the latest ended ones, newest first
	Alerts []Alert   // worst first
	Totals Totals

	Protected  Protected
	BackupsRev uint64 // another number: what Backups, Schedules and PreviewPrune say has changed
	Catalogue  uint64 // another number after every reload of the catalogue

	change uint64 // the last one that is in it
	memo   *memo
}

// Totals are sums over the nodes that answered.
type Totals struct {
	CPU                float64 // 0..1 of all cores
	Cores              float64
	Mem, MaxMem        int64    // bytes
	Disk, MaxDisk      int64    // bytes
	Net                *Traffic // of all running guests; nil = not known
	NodesOnline, Nodes int
	Known              bool // false until any host has answered
	Stale              bool // some of it is older than the last cycle
}

// App finds an app of the world by id.
func (w *World) App(id string) (AppView, bool) {
	for i := range w.Apps {
		if w.Apps[i].ID == id {
			return w.Apps[i], true
		}
	}
	return AppView{}, false
}

// Place is a node's name as people tell it apart: with its host where another
// host has a node of that name. Proxmox calls every machine's node "pve" at first.
func (w *World) Place(host, node string) string {
	for i := range w.Nodes {
		if n := &w.Nodes[i]; n.Name == node && n.Host != host {
			return host + "/" + node
		}
	}
	return node
}

// Job finds a job of the world by number.
func (w *World) Job(id uint64) (JobView, bool) {
	for i := range w.Jobs {
		if w.Jobs[i].ID == id {
			return w.Jobs[i], true
		}
	}
	return JobView{}, false
}

// Alert is something that needs attention.
type Alert struct {
	Level  string    `json:"level"` // "warning" or "error"
	Text   string    `json:"text"`
	Since  time.Time `json:"since"`
	Object string    `json:"object"` // "host/NAME", "node/HOST/NAME", "app/ID", "job/N": what to open
}

// Metrics are measured numbers of a guest or node. A nil *Metrics means that
// they are not known.
type Metrics struct {
	CPU     float64  `json:"cpu"` // 0..1 of its cores
	Cores   float64  `json:"cores"`
	Mem     int64    `json:"mem"`      // bytes
	MaxMem  int64    `json:"max_mem"`  // bytes
	Disk    int64    `json:"disk"`     // bytes
	MaxDisk int64    `json:"max_disk"` // bytes
	Uptime  int64    `json:"uptime"`   // seconds
	Net     *Traffic `json:"net"`      // of a node that of its guests; nil = not known
}

// Traffic are rates in bytes per second.
type Traffic struct {
	In  float64 `json:"in"`
	Out float64 `json:"out"`
}

// Sample is one point of a short history.
type Sample struct {
	At  time.Time
	CPU float64 // 0..1
	Mem float64 // 0..1
}

// AppStatus is the state of an app.
type AppStatus string

// The states of an app.
const (
	StatusDeploying AppStatus = "deploying"
	StatusCloning   AppStatus = "cloning"
	StatusAdopting  AppStatus = "adopting"
	StatusRunning   AppStatus = "running"
	StatusStopped   AppStatus = "stopped"
	StatusError     AppStatus = "error"
	StatusUpdating  AppStatus = "updating"
	StatusRemoving  AppStatus = "removing"
)

// AppStatuses lists the states of an app.
func AppStatuses() []AppStatus {
	return []AppStatus{StatusDeploying, StatusCloning, StatusAdopting, StatusRunning, StatusStopped, StatusError, StatusUpdating, StatusRemoving}
}

// AppView is an app as the faces show it.
type AppView struct {
	ID           string    `json:"id"` // <catalog_id>-<8 hex>
	CatalogID    string    `json:"catalog_id"`
	Name         string    `json:"name"` // of the catalogue item
	Version      string    `json:"version,omitempty"`
	Update       string    `json:"update,omitempty"` // version that a newer recipe in the catalogue has
	Hostname     string    `json:"hostname"`
	Status       AppStatus `json:"status"`
	Error        string    `json:"error,omitempty"` // why status is error
	Hint         string    `json:"hint,omitempty"`  // what to do about it
	Owner        string    `json:"owner"`
	Host         string    `json:"host,omitempty"`
	Node         string    `json:"node,omitempty"`
	VMID         int       `json:"vmid,omitempty"`
	Address      string    `json:"address,omitempty"`   // of the container
	Network      string    `json:"network,omitempty"`   // "dhcp", or "static" and the address handed out to it
	URL          string    `json:"url,omitempty"`       // as people reach it
	Published    string    `json:"published,omitempty"` // host and port, of what is no web page
	PublicPort   int       `json:"public_port,omitempty"`
	InternalPort int       `json:"internal_port,omitempty"`
	Cores        int       `json:"cores"`
	MemoryMB     int       `json:"memory_mb"`
	DiskGB       int       `json:"disk_gb"`
	SwapMB       int       `json:"swap_mb"`
	OS           string    `json:"os,omitempty"`
	Storage      string    `json:"storage,omitempty"`
	CreatedAt    time.Time `json:"created_at"`
	UpdatedAt    time.Time `json:"updated_at"`
	ChangedAt    time.Time `json:"state_changed_at"`
	Notes        string    `json:"notes,omitempty"`       // what to do after install
	ClonedFrom   string    `json:"cloned_from,omitempty"` // hostname of the app it was made of
	Adopted      bool      `json:"adopted,omitempty"`
	Adoption     *Adoption `json:"adoption,omitempty"`  // what an adopted container was like then
	Lost         bool      `json:"lost,omitempty"`      // its container was deleted outside Proximity
	DeletesAt    time.Time `json:"deletes_at,omitzero"` // when a delete that waits goes on

	Values map[string]string `json:"values,omitempty"` // field values, but the secret ones

	Metrics *Metrics  `json:"metrics,omitempty"` // nil: not known
	Stale   bool      `json:"stale,omitempty"`   // the host does not answer: metrics are from AsOf
	Away    string    `json:"away,omitempty"`    // why it is not asked: "host lab is disabled"
	AsOf    time.Time `json:"as_of,omitzero"`
	Drift   string    `json:"drift,omitempty"` // what the host says where it differs: "stopped outside Proximity"

	Job        *JobRef     `json:"job,omitempty"`        // the unfinished job on this app
	Protection *Protection `json:"protection,omitempty"` // nil: there is nothing to protect yet
}

// JobRef is a job in a word.
type JobRef struct {
	ID       uint64  `json:"id"`
	Kind     string  `json:"kind"`
	State    string  `json:"state"`
	Step     int     `json:"step"` // 1-based
	Steps    int     `json:"steps"`
	Title    string  `json:"title"` // of the step
	Progress float64 `json:"progress"`
	Waiting  string  `json:"waiting,omitempty"`
}

// HostView is a Proxmox cluster (or single node) as configured and as seen.
type HostView struct {
	ID          uint64    `json:"id"`
	Name        string    `json:"name"`
	URL         string    `json:"url"`
	Auth        string    `json:"auth"` // "token" or "password"
	User        string    `json:"user"` // token id or user@realm
	Default     bool      `json:"default"`
	Fingerprint string    `json:"fingerprint,omitempty"` // pinned SHA-256 of the certificate
	SSHUser     string    `json:"ssh_user,omitempty"`    // "" = no node SSH
	SSHPort     int       `json:"ssh_port,omitempty"`
	Cluster     string    `json:"cluster,omitempty"`
	State       string    `json:"state"` // "online", "unreachable", "asking" (never answered yet), "disabled", "untrusted"
	Error       string    `json:"error,omitempty"`
	Since       time.Time `json:"since,omitzero"`     // of the outage
	LastSeen    time.Time `json:"last_seen,omitzero"` // last answer
	NextTry     time.Time `json:"next_try,omitzero"`
	Tries       int       `json:"tries,omitempty"`
	Nodes       int       `json:"nodes"`
	NodesOnline int       `json:"nodes_online"`
	Apps        int       `json:"apps"`

	Changed []KeyChange `json:"changed,omitempty"` // keys that are not the pinned ones: nothing is sent until they are accepted
}

// NodeView is one node.
type NodeView struct {
	ID          uint64        `json:"id"` // the same for as long as host and node have their names
	Host        string        `json:"host"`
	Name        string        `json:"name"`
	State       string        `json:"state"` // "online", "offline" (its cluster says so), "unreachable" (the host does not answer), "disabled", "untrusted", "unknown"
	Metrics     *Metrics      `json:"metrics,omitempty"`
	Stale       bool          `json:"stale,omitempty"`
	AsOf        time.Time     `json:"as_of,omitzero"`
	Apps        int           `json:"apps"`
	Guests      int           `json:"guests"`
	FreeMB      int           `json:"free_mb"`                // memory not used and not promised to unfinished deploys
	Promised    int           `json:"promised_mb"`            // to unfinished deploys
	FreeDiskGB  int           `json:"free_disk_gb"`           // on the storage for containers with most of it, not promised
	FreeStorage string        `json:"free_storage,omitempty"` // that storage
	Storages    []StorageView `json:"storages,omitempty"`
}

// StorageView is a storage as one node sees it.
type StorageView struct {
	Name    string   `json:"name"`
	Type    string   `json:"type"`
	Content []string `json:"content"`
	Used    int64    `json:"used"`  // bytes
	Total   int64    `json:"total"` // bytes
	Shared  bool     `json:"shared,omitempty"`
	Active  bool     `json:"active"`
}

// JobView is a job as the faces show it.
type JobView struct {
	ID        uint64     `json:"id"`
	Kind      string     `json:"kind"`
	Title     string     `json:"title"` // "deploy gitea"
	AppID     string     `json:"app_id,omitempty"`
	Target    string     `json:"target,omitempty"` // hostname of the app
	Also      []string   `json:"also,omitempty"`   // ids of further apps that it uses now
	Owner     string     `json:"owner"`
	State     string     `json:"state"` // queued running waiting undoing succeeded failed cancelled
	Ended     bool       `json:"ended"`
	Progress  float64    `json:"progress"` // 0..1
	Note      string     `json:"note,omitempty"`
	Waiting   string     `json:"waiting,omitempty"` // what it waits for
	RetryAt   time.Time  `json:"retry_at,omitzero"`
	Attempt   int        `json:"attempt,omitempty"`
	Step      int        `json:"step"` // 1-based current step
	Steps     []StepView `json:"steps,omitempty"`
	Error     string     `json:"error,omitempty"`
	Hint      string     `json:"hint,omitempty"`
	Left      string     `json:"left,omitempty"` // what is left behind
	CancelBy  string     `json:"cancel_by,omitempty"`
	CreatedAt time.Time  `json:"created_at"`
	StartedAt time.Time  `json:"started_at,omitzero"`
	EndedAt   time.Time  `json:"ended_at,omitzero"`

	turn bool // it waits for its turn, which needs nobody's attention
}

// StepView is one step of a job.
type StepView struct {
	Name      string    `json:"name"`
	Title     string    `json:"title"`
	State     string    `json:"state"` // pending running done undone skipped failed
	Progress  float64   `json:"progress"`
	Note      string    `json:"note,omitempty"`
	StartedAt time.Time `json:"started_at,omitzero"`
	EndedAt   time.Time `json:"ended_at,omitzero"`
}

// LogLine is one line of a job's log.
type LogLine struct {
	Job   uint64    `json:"job"`
	Seq   uint64    `json:"seq"`
	Time  time.Time `json:"time"`
	Level string    `json:"level"` // info warning error
	Step  string    `json:"step"`
	Text  string    `json:"text"` // safe to show
}
