package core

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"proximity/store"
)

// Finding is one line of what the doctor finds.
type Finding struct {
	About string `json:"about"` // "here", "host homelab"
	Name  string `json:"name"`
	State string `json:"state"` // "ok", "warn", "fail"
	Text  string `json:"text"`
	Hint  string `json:"hint,omitempty"` // what to do
}

// The states of a finding.
const (
	FindingOK   = "ok"
	FindingWarn = "warn"
	FindingFail = "fail"
)

// doctorPatience bounds how long one host is examined.
const doctorPatience = 40 * time.Second

// here is a finding about this installation.
func here(state, name, hint, format string, args ...any) Finding {
	return Finding{About: "here", Name: name, State: state, Text: SafeText(fmt.Sprintf(format, args...), 400), Hint: hint}
}

// CheckData examines a data folder without opening it: what can be told even
// where the server does not start.
func CheckData(data string) []Finding {
	info, err := os.Stat(data)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return []Finding{here(FindingFail, "data folder", "start the server once: `proximity serve`; or name another folder with --data", "there is nothing at %s", data)}
	case err != nil:
		return []Finding{here(FindingFail, "data folder", "run this as the user the server runs as", "%s", err)}
	case !info.IsDir():
		return []Finding{here(FindingFail, "data folder", "name another one with --data", "%s is not a folder", data)}
	}
	found := []Finding{private("data folder", data, "700")}
	found = append(found, checkKeys(filepath.Join(data, "keys"))...)
	if _, err := os.Stat(filepath.Join(data, "proximity.db")); errors.Is(err, fs.ErrNotExist) {
		return append(found, here(FindingFail, "database", "start the server once: `proximity serve`; or bring the file back from a saved state", "there is none in %s", data))
	}
	return append(found, private("database", filepath.Join(data, "proximity.db"), "600"), checkRoom(data))
}

// private looks whether a file is the owner's alone.
func private(name, file, mode string) Finding {
	info, err := os.Stat(file)
	if err != nil {
		return here(FindingFail, name, "run this as the user the server runs as", "%s", err)
	}
	if open := info.Mode().Perm() & 0o077; open != 0 {
		return here(FindingFail, name, fmt.Sprintf("run `chmod %s %s`", mode, file), "others may use %s (mode %04o)", file, info.Mode().Perm())
	}
	f, err := os.Open(file)
	if err != nil {
		return here(FindingFail, name, "run this as the user the server runs as", "%s", err)
	}
	_ = f.Close() // it was only looked at
	return here(FindingOK, name, "", "%s (mode %04o)", file, info.Mode().Perm())
}

// checkKeys examines the installation's own keys.
func checkKeys(dir string) []Finding {
	files, err := os.ReadDir(dir)
	if err != nil {
		return []Finding{here(FindingFail, "keys", "bring them back from a saved state: without them nothing sealed can be read", "%s", err)}
	}
	found := []Finding{private("keys", dir, "700")}
	for _, f := range files {
		if one := private("keys", filepath.Join(dir, f.Name()), "600"); one.State != FindingOK {
			found = append(found, one)
		}
	}
	if found[0].State == FindingOK && len(found) == 1 {
		found[0].Text = fmt.Sprintf("%d files in %s, all the owner's alone", len(files), dir)
	}
	return found
}

// Below so much free space, in bytes, the store may soon not be written.
const (
	roomOdd   = 1 << 30
	roomWrong = 100 << 20
)

func checkRoom(data string) Finding {
	free, ok := freeSpace(data)
	switch {
	case !ok:
		return here(FindingOK, "disk", "", "how much is free cannot be told on this system")
	case free < roomWrong:
		return here(FindingFail, "disk", "free some space: without it no job can be recorded", "only %d MB are free for %s", free>>20, data)
	case free < roomOdd:
		return here(FindingWarn, "disk", "free some space", "only %d MB are free for %s", free>>20, data)
	}
	return here(FindingOK, "disk", "", "%d GB are free for %s", free>>30, data)
}

// Doctor examines the installation and every host, and says what to do. It
// works with the server running and without.
func (c *Core) Doctor(ctx context.Context, a Actor) ([]Finding, error) {
	if err := a.May(VerbChangeHosts, ""); err != nil {
		return nil, err
	}
	found := append(CheckData(c.cfg.Data), c.checkStore(), c.checkPeople(), c.checkAddress(), c.checkSettings(), c.checkCatalogue())
	hosts := c.liveHosts()
	if len(hosts) == 0 {
		return append(found, here(FindingWarn, "hosts", "connect one: `hosts add NAME URL`", "no Proxmox host is connected")), nil
	}
	each := make([][]Finding, len(hosts))
	var wg sync.WaitGroup
	for i, l := range hosts {
		wg.Go(func() { each[i] = c.examine(ctx, l) })
	}
	wg.Wait()
	return append(found, slices.Concat(each...)...), ctx.Err()
}

// examine is the doctor's look at one host.
func (c *Core) examine(ctx context.Context, l *liveHost) []Finding {
	ctx, cancel := context.WithTimeout(ctx, doctorPatience)
	defer cancel()
	about := "host " + l.rec.Name
	for _, k := range l.rec.Changed {
		return []Finding{{About: about, Name: "key", State: FindingFail, Text: fmt.Sprintf("%s has changed: pinned %s, shown %s", k.what(), k.Known, k.Shown),
			Hint: "find out why; `hosts trust " + l.rec.Name + "` accepts the new one"}}
	}
	if l.rec.Disabled {
		return []Finding{{About: about, Name: "host", State: FindingWarn, Text: "it is disabled: nothing is asked of it", Hint: "`hosts enable " + l.rec.Name + "` works with it again"}}
	}
	checks, err := c.checkHost(ctx, l)
	if err != nil {
		var e *Error
		errors.As(hostError(l.rec.Name, err), &e)
		return []Finding{{About: about, Name: "api", State: FindingFail, Text: e.Text, Hint: cmp.Or(e.Hint, "`hosts test "+l.rec.Name+"` asks it again")}}
	}
	var found []Finding
	for _, k := range checks {
		f := Finding{About: about, Name: k.Name, State: FindingOK, Text: k.Text, Hint: k.Hint}
		switch {
		case !k.OK:
			f.State = FindingFail
		case k.Warn:
			f.State = FindingWarn
		}
		found = append(found, f)
	}
	return found
}

// checkStore reads what is in the store.
func (c *Core) checkStore() Finding {
	var apps, live int
	err := c.store.View(func(tx *store.Tx) error {
		all, err := c.allApps(tx)
		apps = len(all)
		for _, a := range all {
			if _, err := c.secretsOf(a); err != nil {
				return err
			}
		}
		return err
	})
	if err != nil {
		return here(FindingFail, "store", "bring the data folder back from a saved state", "%s", err)
	}
	live = len(c.engine.Live())
	return here(FindingOK, "store", "", "%d apps, their secrets can be opened; %d jobs are unfinished", apps, live)
}

// checkPeople looks whether anybody can log in.
func (c *Core) checkPeople() Finding {
	admins := 0
	err := c.store.View(func(tx *store.Tx) error {
		roles := map[string]Role{}
		for u, err := range c.users.All(tx) {
			if err != nil {
				return err
			}
			roles[u.Name] = u.Role
		}
		for k, err := range c.keys.All(tx) {
			if err != nil {
				return err
			}
			if roles[k.User] == RoleAdmin {
				admins++
			}
		}
		return nil
	})
	switch {
	case err != nil:
		return here(FindingFail, "people", "bring the data folder back from a saved state", "%s", err)
	case admins == 0:
		return here(FindingWarn, "people", "start the server with --admin-key FILE", "no admin has a key: nobody can log in over SSH as one")
	}
	return here(FindingOK, "people", "", "keys of admins: %d", admins)
}

// checkAddress looks whether the name in every app's URL can be found.
func (c *Core) checkAddress() Finding {
	name := c.cfg.PublicHost
	if net.ParseIP(name) != nil {
		return here(FindingOK, "public host", "", "%s", name)
	}
	if _, err := net.LookupHost(name); err != nil {
		return here(FindingWarn, "public host", "give a name that people's machines know: --public-host", "this machine cannot find %q, which is in the URL of every published app", name)
	}
	return here(FindingOK, "public host", "", "%s", name)
}

// checkSettings looks for settings that contradict one another.
func (c *Core) checkSettings() Finding {
	set := c.Settings()
	var bad []string
	for _, n := range set.GuestNetworks {
		if _, err := parseRange(n); err != nil {
			bad = append(bad, fmt.Sprintf("%q is not a network", n))
		}
	}
	if set.Network == NetworkStatic {
		pool, err := set.pool()
		if err != nil {
			bad = append(bad, err.Error())
		} else if _, ok := pool.lowest(c.takenAddresses("", c.cachedApps())); !ok {
			bad = append(bad, "all addresses of "+pool.subnet.String()+" are taken or reserved")
		} else if !c.guestAddress(pool.subnet.Addr()) {
			bad = append(bad, pool.subnet.String()+" is outside the guest networks")
		}
	}
	if len(bad) > 0 {
		return here(FindingFail, "settings", "correct them: `settings`", "%s", strings.Join(bad, "; "))
	}
	return here(FindingOK, "settings", "", "new containers on %s, addresses by %s", set.Bridge, cmp.Or(set.Network, NetworkDHCP))
}

func (c *Core) checkCatalogue() Finding {
	n := c.catalogue.Load().Len()
	if n == 0 {
		return here(FindingFail, "catalogue", "the log says which manifests were left out and why", "it is empty: nothing can be deployed")
	}
	return here(FindingOK, "catalogue", "", "%d apps", n)
}
