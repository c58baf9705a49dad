package schema

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ParseProperties reads a property string such as "name=eth0,bridge=vmbr0" against its keys. Booleans come out as
// "1" and "0". The error's text is that of Proxmox VE, newlines included; path names the parameter in it.
// Proxmox: PVE/JSONSchema.pm, parse_property_string.
func ParseProperties(keys map[string]*Property, path, s string) (map[string]string, error) {
	values := map[string]any{}
	out := map[string]string{}
	var defaulted bool
	for _, part := range strings.Split(s, ",") {
		if strings.TrimSpace(part) == "" {
			continue
		}
		k, v, pair := strings.Cut(part, "=")
		switch {
		case pair && k != "" && v != "":
			if _, dup := values[k]; dup {
				return nil, fmt.Errorf("duplicate key in comma-separated list property: %s\n", k)
			}
			p := keys[k]
			if p != nil && p.Alias != "" {
				if p.KeyAlias != "" {
					values[p.KeyAlias], out[p.KeyAlias] = k, k
				}
				k, p = p.Alias, keys[p.Alias]
			}
			if p == nil {
				return nil, fmt.Errorf("invalid key in comma-separated list property: %s\n", k)
			}
			if p.Type == "boolean" {
				v = boolean(v)
			}
		case !pair:
			k = defaultKey(keys)
			if k == "" {
				return nil, errors.New("value without key, but schema does not define a default key\n")
			}
			if _, dup := values[k]; dup || defaulted {
				return nil, fmt.Errorf("duplicate key in comma-separated list property: %s\n", k)
			}
			v, defaulted = part, true
		default:
			return nil, errors.New("missing key in comma-separated list property\n")
		}
		values[k], out[k] = v, v
	}
	errs := map[string]string{}
	checkObject(path, keys, values, errs)
	if len(errs) == 0 {
		return out, nil
	}
	var lines []string
	for at, problem := range errs {
		lines = append(lines, at+": "+problem+"\n")
	}
	slices.Sort(lines)
	return nil, errors.New("format error\n" + strings.Join(lines, ""))
}

func defaultKey(keys map[string]*Property) string {
	for name, p := range keys {
		if p.DefaultKey {
			return name
		}
	}
	return ""
}

// boolean reads the spellings that property strings allow; anything else is left for the type check.
func boolean(v string) string {
	switch strings.ToLower(v) {
	case "1", "on", "yes", "true":
		return "1"
	case "0", "off", "no", "false":
		return "0"
	}
	return v
}
