package catalog

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"path"
	"runtime"
	"slices"
	"sync"

	catalogdata "proximity/catalog_data"
)

// Source is a place manifests come from: the *.json files at the top of FS.
type Source struct {
	Name string
	FS   fs.FS
}

// embedded is the name of the catalogue inside the binary.
const embedded = "embedded"

// Embedded is the catalogue inside the binary.
func Embedded() Source { return Source{Name: embedded, FS: catalogdata.FS} }

// Options say how a catalogue is loaded. Before and Passed may be nil.
type Options struct {
	Override []string   // ids that another source may take from the embedded catalogue
	Before   *Catalogue // the last one: what cannot be read any more stays as it was
	Passed   Passed     // files that were sound before and need no second look
}

// Load reads and checks every manifest of sources. A bad file is reported; the others load. The first source that brings
// an id keeps it, unless that is the embedded one and the id may be overridden. When ctx ends, what was read until then is
// the catalogue, and a problem says so.
func Load(ctx context.Context, o Options, sources ...Source) (*Catalogue, []Problem) {
	l := loading{Options: o, byID: map[string]*Manifest{}, passed: Passed{}}
	for _, source := range sources {
		l.add(ctx, source)
	}
	for _, id := range o.Override {
		if m := l.byID[id]; m == nil || m.Origin == embedded {
			l.report("", id, "is to be overridden, but no folder brings a sound "+id+".json")
		}
	}
	return assemble(l.byID, l.passed), l.problems
}

// Check reads and checks manifests of a source, all of them if none is named, and tells how many there are. It knows
// nothing of other sources.
func Check(ctx context.Context, source Source, names ...string) (files int, problems []Problem) {
	if len(names) == 0 {
		all, err := list(source.FS)
		if err != nil {
			return 0, []Problem{{File: source.Name, Reason: "cannot be read: " + err.Error()}}
		}
		names = all
	}
	for _, one := range source.readAll(ctx, names, nil) {
		problems = append(problems, one.problems...)
	}
	return len(names), problems
}

// loading is a catalogue being read.
type loading struct {
	Options
	byID     map[string]*Manifest
	passed   Passed
	problems []Problem
}

func (l *loading) report(file, path, reason string) {
	l.problems = append(l.problems, Problem{File: file, Path: path, Reason: reason})
}

// add reads one source.
func (l *loading) add(ctx context.Context, source Source) {
	names, err := list(source.FS)
	if err != nil {
		l.report(source.Name, "", "cannot be read: "+err.Error())
		for _, m := range l.before(source.Name) {
			l.take(path.Join(source.Name, m.ID+".json"), stale(m))
		}
		return
	}
	for i, one := range source.read(ctx, names, l.Passed) {
		file := path.Join(source.Name, names[i])
		l.problems = append(l.problems, one.problems...)
		switch m := one.m; {
		case m != nil:
			l.passed[one.print] = true
			l.take(file, m)
		default:
			for _, m := range l.before(source.Name) {
				if m.ID+".json" == names[i] {
					l.take(file, stale(m))
				}
			}
		}
	}
}

// before lists what the last catalogue had of a source.
func (l *loading) before(origin string) []*Manifest {
	if l.Before == nil {
		return nil
	}
	return slices.DeleteFunc(l.Before.All(), func(m *Manifest) bool { return m.Origin != origin })
}

// stale is a copy of a manifest whose file cannot be read any more.
func stale(m *Manifest) *Manifest {
	old := *m
	old.Stale = true
	return &old
}

// take puts a manifest into the catalogue if its id is free, or may be overridden.
func (l *loading) take(file string, m *Manifest) {
	first, taken := l.byID[m.ID]
	switch {
	case !taken:
	case first.Origin == embedded && slices.Contains(l.Override, m.ID):
		m.Overrides = embedded
	case first.Origin == embedded:
		l.report(file, "id", m.ID+" is in the embedded catalogue already, which is kept: rename it, or allow it with --catalog-override "+m.ID)
		return
	default:
		l.report(file, "id", m.ID+" is in the catalogue already, from "+first.Origin)
		return
	}
	l.byID[m.ID] = m
}

// list names the manifests at the top of a folder.
func list(folder fs.FS) ([]string, error) {
	names, err := fs.Glob(folder, "*.json")
	if err == nil && len(names) == 0 {
		_, err = fs.Stat(folder, ".") // Glob does not tell a missing folder from an empty one
	}
	return names, err
}

// reading is one file as it was read: a manifest, or what is wrong with it.
type reading struct {
	m        *Manifest
	print    string
	problems []Problem
}

// embeddedOnce is what the embedded files were read into: they do not change while the program runs.
var embeddedOnce struct {
	sync.Once
	readings []reading
}

// read reads files of the source; those of the binary only once.
func (s Source) read(ctx context.Context, names []string, passed Passed) []reading {
	if s.FS != fs.FS(catalogdata.FS) || ctx.Err() != nil {
		return s.readAll(ctx, names, passed)
	}
	embeddedOnce.Do(func() { embeddedOnce.readings = s.readAll(context.WithoutCancel(ctx), names, passed) })
	return embeddedOnce.readings
}

// readAll reads files of the source, several at once.
func (s Source) readAll(ctx context.Context, names []string, passed Passed) []reading {
	results := make([]reading, len(names))
	next := make(chan int)
	var readers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		readers.Go(func() {
			for i := range next {
				results[i] = s.readOne(ctx, names[i], passed)
			}
		})
	}
	for i := range names {
		next <- i
	}
	close(next)
	readers.Wait()
	return results
}

func (s Source) readOne(ctx context.Context, name string, passed Passed) reading {
	file := path.Join(s.Name, name)
	err := ctx.Err()
	var raw []byte
	if err == nil {
		raw, err = readFile(s.FS, name)
	}
	if err != nil {
		return reading{problems: []Problem{{File: file, Reason: "cannot be read: " + err.Error()}}}
	}
	one := reading{print: fingerprint(name, raw)}
	if passed[one.print] {
		one.m = decodeSound(raw)
	}
	if one.m == nil {
		one.m, one.problems = Parse(ctx, file, raw)
	}
	if one.m != nil {
		one.m.Origin = s.Name
	}
	return one
}

// readFile reads a file of at most maxFile bytes, and one more if there are more. It never waits for a pipe.
func readFile(folder fs.FS, name string) ([]byte, error) {
	info, err := fs.Stat(folder, name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is no file")
	}
	f, err := folder.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxFile+1))
}
