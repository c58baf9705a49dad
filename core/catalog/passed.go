package catalog

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"io"
	"io/fs"
	"path"
	"runtime"
	"runtime/debug"
	"sync"
)

// Passed remembers files that were sound, by fingerprints of their name, their content and what checked them: kept over a
// restart, it spares the checks. A wrong entry does no harm: it matches nothing.
type Passed map[string]bool

// fingerprint names a file for this version of the checks.
func fingerprint(name string, raw []byte) string {
	h := sha256.New()
	io.WriteString(h, checker()+"\x00"+path.Base(name)+"\x00") // a hash takes everything
	h.Write(raw)
	return hex.EncodeToString(h.Sum(nil))
}

// source is this package as it was compiled: with another line of it, every file is checked anew.
//
//go:embed *.go manifest.schema.json
var source embed.FS

// checker names this version of the checks: our own source, the modules that help, the compiler.
var checker = sync.OnceValue(func() string {
	h := sha256.New()
	io.WriteString(h, runtime.Version())
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, d := range info.Deps {
			io.WriteString(h, d.Path+d.Version+d.Sum)
		}
	}
	names, err := fs.Glob(source, "*")
	if err != nil {
		panic(err) // the pattern is well formed
	}
	for _, name := range names {
		text, err := source.ReadFile(name)
		if err != nil {
			panic(err) // it is embedded
		}
		io.WriteString(h, name)
		h.Write(text)
	}
	return hex.EncodeToString(h.Sum(nil))
})

// decodeSound turns a file that passed before into a manifest; nil when it does not look like one after all.
func decodeSound(raw []byte) *Manifest {
	var m Manifest
	if json.Unmarshal(raw, &m) != nil || m.ID == "" {
		return nil
	}
	m.fillDefaults()
	return &m
}
