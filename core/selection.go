package core

import (
	"slices"

	"proximity/core/catalog"
	"proximity/store"
)

// Selection says which apps a schedule backs up.
type Selection string

// The selections.
const (
	AllApps    Selection = "all"
	OwnerApps  Selection = "owner" // of these owners
	TaggedApps Selection = "tag"   // whose catalogue item has one of these tags
	ListedApps Selection = "listed"
)

// Selections lists them, the default first.
func Selections() []Selection { return []Selection{AllApps, OwnerApps, TaggedApps, ListedApps} }

// covers says whether the schedule backs an app up.
func (c *Core) covers(s schedule, a app) bool {
	switch s.Which {
	case AllApps:
		return true
	case OwnerApps:
		return slices.Contains(s.Of, a.Owner)
	case ListedApps:
		return slices.Contains(s.Of, a.ID)
	}
	m := c.manifestOf(a)
	return m != nil && slices.ContainsFunc(m.Tags, func(t string) bool { return slices.Contains(s.Of, t) })
}

// covered are the apps a schedule backs up now, by hostname.
func (c *Core) covered(s schedule, records []app) []app {
	return slices.DeleteFunc(slices.Clone(records), func(a app) bool { return !c.covers(s, a) })
}

// selection checks whom a schedule is to cover; apps are kept by id. One with a
// slip of the pen in it would back nothing up and say so to nobody; owners and
// tags that it had before may have gone since.
func (c *Core) selection(which Selection, of, had []string) ([]string, error) {
	switch {
	case !slices.Contains(Selections(), which):
		return nil, invalid("which", "one of all, owner, tag, listed", "there is no selection %q", SafeText(string(which), 20))
	case which == AllApps:
		return nil, nil
	case len(of) == 0:
		return nil, invalid("of", "name at least one, or choose all apps", "nothing is selected")
	case which != ListedApps:
		for _, name := range of {
			if slices.Contains(had, name) {
				continue
			}
			if which == OwnerApps && !c.isOwner(name) {
				return nil, invalid("of", "`users` lists them", "there is no user %q", SafeText(name, 64))
			}
			if which == TaggedApps && !c.isTag(name) {
				return nil, invalid("of", "`catalog ID` shows an app's tags", "nothing in the catalogue has the tag %q", SafeText(name, 64))
			}
		}
		return slices.Clone(of), nil
	}
	var ids []string
	records := c.cachedApps()
	for _, name := range of {
		i := slices.IndexFunc(records, func(a app) bool { return a.Hostname == name || a.ID == name })
		if i < 0 {
			return nil, invalid("of", "`apps` lists them", "there is no app %q", SafeText(name, 64))
		}
		ids = append(ids, records[i].ID)
	}
	return ids, nil
}

// isOwner says whether somebody has an app, or may come to have one.
func (c *Core) isOwner(name string) bool {
	return slices.ContainsFunc(c.cachedApps(), func(a app) bool { return a.Owner == name }) ||
		c.store.View(func(tx *store.Tx) error { _, err := c.users.Get(tx, name); return err }) == nil
}

// isTag says whether anything in the catalogue has a tag.
func (c *Core) isTag(tag string) bool {
	return slices.ContainsFunc(c.catalogue.Load().All(), func(m *catalog.Manifest) bool { return slices.Contains(m.Tags, tag) })
}
