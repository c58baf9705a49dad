package main

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"proximity/keys"
)

// fromEnvironment gives the flags that were not on the command line what
// PROXIMITY_* variables say: --public-host is PROXIMITY_PUBLIC_HOST.
func fromEnvironment(flags *pflag.FlagSet, getenv func(string) string) error {
	var failed error
	flags.VisitAll(func(f *pflag.Flag) {
		name := "PROXIMITY_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		value := getenv(name)
		if f.Changed || value == "" || failed != nil {
			return
		}
		if err := f.Value.Set(value); err != nil {
			failed = wrong("correct it or unset it", "%s: %s", name, err)
		}
	})
	return failed
}

// dataFolder is where the installation lives.
func (p *program) dataFolder() (string, error) {
	folder := p.data
	if folder == "" {
		folder = p.getenv("PROXIMITY_DATA")
	}
	if folder == "" && os.Geteuid() == 0 {
		folder = "/var/lib/proximity"
	}
	if folder == "" {
		base := p.getenv("XDG_DATA_HOME")
		if base == "" {
			home, err := os.UserHomeDir()
			if err != nil {
				return "", wrong("give one with --data", "there is no data folder: %s", err)
			}
			base = filepath.Join(home, ".local", "share")
		}
		folder = filepath.Join(base, "proximity")
	}
	return filepath.Abs(folder)
}

// maxSocketPath is what the kernel takes, in bytes (unix(7): 108 with the end).
const maxSocketPath = 103

// socketIn is the path of the server's socket.
func socketIn(data string) (string, error) {
	path := filepath.Join(data, "proximity.sock")
	if len(path) > maxSocketPath {
		return "", wrong("choose another with --data", "the data folder's path is %d bytes too long for a socket: %s", len(path)-maxSocketPath, data)
	}
	return path, nil
}

// fresh reports whether no installation is in the folder yet.
func fresh(data string) bool {
	_, err := os.Stat(filepath.Join(data, "proximity.db"))
	return os.IsNotExist(err)
}

// adminKeys are the authorized_keys lines of who may log in first: those given
// as keys or files with --admin-key or PROXIMITY_ADMIN_KEYS, else at the first
// start the running user's own.
func (p *program) adminKeys(given []string, first bool, log *slog.Logger) ([]string, error) {
	if len(given) == 0 {
		given = slices.DeleteFunc(strings.Split(p.getenv("PROXIMITY_ADMIN_KEYS"), "\n"), func(s string) bool { return strings.TrimSpace(s) == "" })
	}
	if len(given) == 0 && first {
		return ownKeys(log), nil
	}
	var lines []string
	for _, g := range given {
		text := g
		if !strings.Contains(strings.TrimSpace(g), " ") { // a key has a type and a body
			b, err := os.ReadFile(strings.TrimSpace(g))
			if err != nil {
				return nil, wrong("give an authorized_keys line, or a file of them", "--admin-key: %s", err)
			}
			text = string(b)
		}
		parsed, faults := keys.ParseAuthorizedKeys(text)
		if len(faults) > 0 {
			return nil, wrong("give the .pub file's content", "--admin-key: %s", faults[0])
		}
		if len(parsed) == 0 {
			return nil, wrong("give the .pub file", "--admin-key: %s holds no key", g)
		}
		for _, k := range parsed {
			lines = append(lines, k.Line)
		}
	}
	return lines, nil
}

// ownKeys are the public keys in ~/.ssh of whoever runs the server. What is
// not fit to log in with is passed over.
func ownKeys(log *slog.Logger) []string {
	home, err := os.UserHomeDir()
	if err != nil {
		return nil
	}
	files, _ := filepath.Glob(filepath.Join(home, ".ssh", "*.pub")) // the pattern is well formed
	var lines []string
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			log.Warn("passed over a key", "file", f, "error", err)
			continue
		}
		parsed, faults := keys.ParseAuthorizedKeys(string(b))
		for _, fault := range faults {
			log.Warn("passed over a key", "file", f, "error", fault)
		}
		for _, k := range parsed {
			lines = append(lines, k.Line)
		}
	}
	return lines
}

// newLogger writes to the file f what is at least of the level.
func newLogger(f *os.File, level string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, wrong("one of debug, info, warn, error", "--log-level: %q is no level", level)
	}
	return slog.New(slog.NewTextHandler(f, &slog.HandlerOptions{Level: l})), nil
}

// fileLogger logs into the data folder: the terminal belongs to the console.
func fileLogger(data, level string) (*slog.Logger, *os.File, error) {
	if err := os.MkdirAll(data, 0o700); err != nil {
		return nil, nil, fmt.Errorf("make the data folder: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(data, "proximity.log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, nil, fmt.Errorf("open the log: %w", err)
	}
	log, err := newLogger(f, level)
	return log, f, err
}
