package catalog

import (
	"encoding/json"
	"time"
)

// Manifest describes one app: what it is, how it runs, what it asks of the person who deploys it.
// Manifests of a Catalogue are shared: read them, never change them.
type Manifest struct {
	ID            string            `json:"id"`
	Name          string            `json:"name"`
	Version       string            `json:"version"`
	Description   string            `json:"description"`
	Icon          string            `json:"icon,omitempty"`
	Category      string            `json:"category"`
	DockerCompose json.RawMessage   `json:"docker_compose"` // as written, uninterpolated
	Ports         []int             `json:"ports,omitempty"`
	Volumes       []any             `json:"volumes,omitempty"`
	Environment   map[string]string `json:"environment,omitempty"`
	MinMemory     int               `json:"min_memory"` // MB
	MinCPU        int               `json:"min_cpu"`    // cores
	Tags          []string          `json:"tags,omitempty"`
	Author        string            `json:"author,omitempty"`
	Website       string            `json:"website,omitempty"`

	Schema       int               `json:"schema,omitempty"`
	Revision     int               `json:"revision,omitempty"` // of the manifest, not of the app
	Tagline      string            `json:"tagline,omitempty"`
	Status       string            `json:"status,omitempty"` // active, beta, deprecated, broken
	Deprecated   *Deprecated       `json:"deprecated,omitempty"`
	License      string            `json:"license,omitempty"`
	Arch         []string          `json:"arch,omitempty"` // amd64, arm64
	System       string            `json:"os,omitempty"`   // read it through OS
	Links        map[string]string `json:"links,omitempty"`
	Screenshots  []string          `json:"screenshots,omitempty"`
	Access       Access            `json:"access,omitzero"`
	Exposes      []Expose          `json:"exposes,omitempty"`
	Requirements Requirements      `json:"requirements,omitzero"`
	Fields       []Field           `json:"fields,omitempty"`
	Files        []FileSpec        `json:"files,omitempty"`
	ReadySpec    ReadySpec         `json:"ready,omitzero"` // read it through Ready
	Update       Update            `json:"update,omitzero"`
	Backup       Backup            `json:"backup,omitzero"`
	Notes        Notes             `json:"notes,omitzero"`
	Provenance   map[string]any    `json:"provenance,omitempty"`

	Origin    string `json:"-"` // name of the Source it came from
	Overrides string `json:"-"` // name of the Source whose app of this id it takes the place of
	Stale     bool   `json:"-"` // its file cannot be read any more: this is what it said before

	services []Service // of DockerCompose, by name; read them through Services
}

// Deprecated says since when and why an app should no longer be deployed, and what to use instead.
type Deprecated struct {
	Since      string `json:"since,omitempty"`
	Reason     string `json:"reason,omitempty"`
	ReplacedBy string `json:"replaced_by,omitempty"`
}

// Access says how people reach the app. Port is the one the service itself listens on; InternalPort gives the published one.
type Access struct {
	Kind       string `json:"kind"` // web, tcp, udp, none
	Service    string `json:"service,omitempty"`
	Port       int    `json:"port,omitempty"`
	Scheme     string `json:"scheme,omitempty"` // http, https
	Path       string `json:"path,omitempty"`
	NeedsHTTPS bool   `json:"needs_https,omitempty"`
}

// Expose is a further port that the app offers.
type Expose struct {
	Port     int    `json:"port"`
	Proto    string `json:"proto,omitempty"` // tcp, udp
	Purpose  string `json:"purpose,omitempty"`
	Required bool   `json:"required,omitempty"`
}

// Requirements are what the app's container must have beyond memory and cores.
type Requirements struct {
	MinDisk           int            `json:"min_disk,omitempty"`           // GB
	RecommendedMemory int            `json:"recommended_memory,omitempty"` // MB
	Swap              int            `json:"swap,omitempty"`               // MB
	Features          []string       `json:"features,omitempty"`
	CPUFlags          []string       `json:"cpu_flags,omitempty"`
	KernelModules     []string       `json:"kernel_modules,omitempty"`
	Sysctls           map[string]any `json:"sysctls,omitempty"`
}

// Field is one value that the person deploying gives, accepts or has generated.
type Field struct {
	Key              string         `json:"key"`
	Label            string         `json:"label,omitempty"`
	Help             string         `json:"help,omitempty"`
	Type             string         `json:"type"` // string, text, password, number, boolean, email, url, host, port, timezone, select
	Default          any            `json:"default,omitempty"`
	Required         bool           `json:"required,omitempty"`
	Pattern          string         `json:"pattern,omitempty"`
	PatternError     string         `json:"pattern_error,omitempty"`
	Min              *float64       `json:"min,omitempty"` // number, port: value; others: length in characters
	Max              *float64       `json:"max,omitempty"`
	Options          []Option       `json:"options,omitempty"`
	Generate         *Generator     `json:"generate,omitempty"`
	Hidden           bool           `json:"hidden,omitempty"`
	Advanced         bool           `json:"advanced,omitempty"`
	Immutable        bool           `json:"immutable,omitempty"`
	ShowAfterInstall bool           `json:"show_after_install,omitempty"`
	When             map[string]any `json:"when,omitempty"`
}

// Option is one choice of a select field.
type Option struct {
	Value string `json:"value"`
	Label string `json:"label,omitempty"`
}

// Generator says how a value is made when none is given.
type Generator struct {
	Kind   string `json:"kind"` // password, hex, base64, alnum, uuid, username
	Length int    `json:"length,omitempty"`
	Prefix string `json:"prefix,omitempty"`
}

// FileSpec is a further file that the app needs beside its compose file.
type FileSpec struct {
	Path      string `json:"path"`
	Content   string `json:"content"`
	Mode      string `json:"mode,omitempty"`      // octal, "0644" when absent
	Overwrite string `json:"overwrite,omitempty"` // never, if-unchanged, always
}

// ReadySpec is the ready probe as the manifest gives it.
type ReadySpec struct {
	Type    string `json:"type"`
	Service string `json:"service,omitempty"`
	Port    int    `json:"port,omitempty"`
	Path    string `json:"path,omitempty"`
	Status  []int  `json:"status,omitempty"`
	Timeout string `json:"timeout,omitempty"`
}

// Probe says when a deployed app counts as ready.
type Probe struct {
	Type    string        // http, tcp, compose-health, none
	Port    int           // http, tcp: the published port, inside the app's container
	Scheme  string        // http only: http or https
	Path    string        // http only
	Status  []int         // http only: answers that count; empty = any below 400
	Timeout time.Duration // how long to wait for it
}

// Update says how new versions are followed.
type Update struct {
	Policy      string           `json:"policy,omitempty"` // manual, notify, auto-patch
	Track       map[string]Track `json:"track,omitempty"`  // by service
	BackupFirst bool             `json:"backup_first,omitempty"`
	Rollback    string           `json:"rollback,omitempty"` // image, restore, none
	Checkpoints []string         `json:"checkpoints,omitempty"`
	Breaking    []Breaking       `json:"breaking,omitempty"`
}

// Track names the image tags of a service that are updates.
type Track struct {
	Tag string `json:"tag"` // regular expression
}

// Breaking is a version step that needs a person.
type Breaking struct {
	Service string `json:"service,omitempty"`
	From    string `json:"from,omitempty"`
	To      string `json:"to,omitempty"`
	Note    string `json:"note"`
	Action  string `json:"action"` // block, confirm, inform
}

// Backup says what is worth keeping and how to get it consistent.
type Backup struct {
	Volumes     map[string]VolumeClass `json:"volumes,omitempty"`
	Consistency string                 `json:"consistency,omitempty"` // stop, hooks, crash
	Pre         []Step                 `json:"pre,omitempty"`
	Post        []Step                 `json:"post,omitempty"`
	Restore     []Step                 `json:"restore,omitempty"`
}

// VolumeClass says how much a volume's content matters.
type VolumeClass struct {
	Class   string   `json:"class"` // essential, config, media, cache
	Exclude []string `json:"exclude,omitempty"`
}

// Step is a command run inside a compose service; never on a node.
type Step struct {
	Service string   `json:"service"`
	Exec    []string `json:"exec"`
}

// Notes are texts for the person who deploys; AfterInstall renders the second.
type Notes struct {
	BeforeInstall string      `json:"before_install,omitempty"`
	AfterInstall  string      `json:"after_install,omitempty"`
	Credentials   Credentials `json:"credentials,omitzero"`
}

// Credentials name the fields that hold the first login.
type Credentials struct {
	UsernameField string `json:"username_field,omitempty"`
	PasswordField string `json:"password_field,omitempty"`
}
