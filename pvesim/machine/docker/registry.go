package docker

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/distribution/reference"
)

// Registry says what can be pulled, whichever server the image's name points at. The zero value has any well-formed
// image. A Registry may be shared by many machines.
type Registry struct {
	mu     sync.Mutex
	denied map[string]string
}

// imageSpec describes an image.
type imageSpec struct {
	SizeMB int
	Kind   string // "http", "tcp", "postgres", "redis", "mysql", "base" (runs real commands), "oneshot"
	Port   int    // what it listens on inside; 0 = that is not known
}

// NewRegistry returns a registry that has any well-formed image.
func NewRegistry() *Registry { return &Registry{} }

// Deny makes pulls of an image (as written in compose files, or its full name) fail with a text such as
// "manifest unknown".
func (r *Registry) Deny(image, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.denied == nil {
		r.denied = map[string]string{}
	}
	r.denied[canonical(image)] = text
}

// refusal is what a pull of an image fails with; "" = it can be had.
func (r *Registry) refusal(image string) string {
	if r == nil {
		return ""
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.denied[canonical(image)]
}

func canonical(image string) string {
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return image
	}
	return reference.TagNameOnly(named).String()
}

// imageName is a parsed image reference.
type imageName struct {
	Domain, Path, Tag string // docker.io, library/postgres, 17-alpine
	Digest            string
	Familiar          string // postgres:17-alpine
}

func parseImage(text string) (imageName, error) {
	named, err := reference.ParseNormalizedNamed(text)
	if err != nil {
		return imageName{}, err
	}
	named = reference.TagNameOnly(named)
	n := imageName{Domain: reference.Domain(named), Path: reference.Path(named), Tag: "latest", Familiar: reference.FamiliarString(named)}
	if t, ok := named.(reference.Tagged); ok {
		n.Tag = t.Tag()
	}
	if d, ok := named.(reference.Digested); ok {
		n.Digest = d.Digest().String()
	}
	return n, nil
}

// base is the last element of the image's path: postgres, redis, miniflux.
func (n imageName) base() string { return n.Path[strings.LastIndexByte(n.Path, '/')+1:] }

// kinds are images known to be no web servers; anything else serves HTTP.
var kinds = map[string]imageSpec{
	"postgres": {140, "postgres", 5432}, "postgis": {240, "postgres", 5432}, "pgvector": {150, "postgres", 5432}, "timescaledb": {200, "postgres", 5432},
	"redis": {40, "redis", 6379}, "valkey": {40, "redis", 6379}, "dragonfly": {60, "redis", 6379}, "keydb": {60, "redis", 6379},
	"mysql": {190, "mysql", 3306}, "mariadb": {120, "mysql", 3306}, "percona": {190, "mysql", 3306}, "mongo": {270, "tcp", 27017},
	"memcached": {10, "tcp", 11211}, "rabbitmq": {90, "tcp", 5672}, "eclipse-mosquitto": {6, "tcp", 1883}, "nats": {7, "tcp", 4222},
	"elasticsearch": {600, "http", 9200}, "meilisearch": {60, "http", 7700}, "minio": {60, "http", 9000}, "nginx": {70, "http", 80}, "httpd": {60, "http", 80}, "caddy": {20, "http", 80}, "traefik": {50, "http", 80},
	"alpine": {4, "base", 0}, "busybox": {2, "base", 0}, "debian": {50, "base", 0}, "ubuntu": {30, "base", 0}, "bash": {6, "base", 0}, "bb": {2, "base", 0},
	"hello-world": {1, "oneshot", 0},
}

// specOf is what an image of that name is taken for.
func specOf(image string) imageSpec {
	n, err := parseImage(image)
	if err != nil {
		return imageSpec{}
	}
	s := kinds[n.base()]
	if s.Kind == "" {
		s.Kind = "http"
	}
	if s.SizeMB == 0 {
		s.SizeMB = 30 + int(number(n.Path)%270)
	}
	return s
}

// hexID makes a stable 64 digit id of some words.
func hexID(words ...any) string {
	sum := sha256.Sum256([]byte(fmt.Sprint(words...)))
	return hex.EncodeToString(sum[:])
}

// number is a stable number of a text.
func number(text string) uint64 {
	sum := sha256.Sum256([]byte(text))
	return binary.BigEndian.Uint64(sum[:8])
}

// Image is one pulled image.
type Image struct {
	Name    string    `json:"name"` // familiar: postgres:17-alpine
	ID      string    `json:"id"`   // without sha256:
	Digest  string    `json:"digest"`
	Size    int64     `json:"size"` // bytes
	Created time.Time `json:"created"`
	Layers  []string  `json:"layers"`
}

func newImage(n imageName, now time.Time) Image {
	size := int64(specOf(n.Familiar).SizeMB) << 20
	img := Image{Name: n.Familiar, ID: hexID("image", n.Path, n.Tag), Digest: "sha256:" + hexID("digest", n.Path, n.Tag), Size: size + int64(number(n.Path)%900_000)}
	img.Created = now.Add(-time.Duration(number(n.Familiar)%90) * 24 * time.Hour).Truncate(time.Second)
	for i := range 1 + int(min(size>>24, 6)) {
		img.Layers = append(img.Layers, hexID("layer", n.Path, n.Tag, i)[:12])
	}
	return img
}
