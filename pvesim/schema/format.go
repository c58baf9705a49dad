package schema

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
)

// formats checks the named formats. A format that is not here is accepted: its check lives in a package of Proxmox VE
// that has no bearing on what the simulator does with the value.
var formats = map[string]func(string) error{
	"pve-node":             matches(`[a-zA-Z0-9](?:[a-zA-Z0-9\-]*[a-zA-Z0-9])?`, "value does not look like a valid node name\n"),
	"pve-vmid":             matches(`[1-9][0-9]{2,8}`, "value does not look like a valid VM ID\n"),
	"pve-configid":         quoted(`(?i:[a-z][a-z0-9_-]+)`, "invalid configuration ID '%s'\n"),
	"pve-storage-id":       quoted(`(?i:[a-z][a-z0-9\-_.]*[a-z0-9])`, "storage ID '%s' contains illegal characters\n"),
	"pve-tag":              matches(`(?i:[a-z0-9_][a-z0-9_\-+.]*)`, "invalid characters in tag\n"),
	"pve-realm":            matches(`[A-Za-z][A-Za-z0-9.\-_]+`, "value does not look like a valid realm\n"),
	"pve-userid":           quoted(`[^\s:/@]+@[A-Za-z][A-Za-z0-9.\-_]+`, "value '%s' does not look like a valid user name\n"),
	"pve-tokenid":          quoted(`[^\s:/@]+@[A-Za-z][A-Za-z0-9.\-_]+![A-Za-z][A-Za-z0-9.\-_]+`, "value '%s' does not look like a valid token ID\n"),
	"pve-roleid":           quoted(`[A-Za-z0-9.\-_]+`, "role name '%s' contains invalid characters\n"),
	"pve-groupid":          quoted(`[A-Za-z0-9.\-_]+`, "group name '%s' contains invalid characters\n"),
	"pve-priv":             checkPrivilege,
	"pve-iface":            matches(`[a-zA-Z][a-zA-Z0-9_]{1,20}(?:[:.]\d+)?`, "invalid network interface name\n"),
	"dns-name":             checkDNSName,
	"ipv4":                 checkIPv4,
	"ipv6":                 checkIPv6,
	"ip":                   checkIP,
	"lxc-ip-with-ll-iface": checkIP,
	"mac-addr":             checkMAC,
	"pve-ipv4-config":      checkIPv4Config,
	"pve-ipv6-config":      checkIPv6Config,
	"disk-size":            quoted(`\d+(?:\.\d+)?[KMGT]?`, "value does not look like a valid disk size: %s\n"),
	"pve-volume-id":        quoted(`(?i:[a-z][a-z0-9\-_.]*[a-z0-9]):.+`, "unable to parse volume ID '%s'\n"),
	"pve-startup-order":    matches(`(?:(?:order=)?\d+|(?:order|up|down)=\d+)(?:,(?:order|up|down)=\d+)*`, "unable to parse startup options\n"),
	"email":                matches(`[\w+\-~]+(?:\.[\w+\-~]+)*@[a-zA-Z0-9\-]+(?:\.[a-zA-Z0-9\-]+)*`, "value does not look like a valid email address\n"),
}

// checkFormat checks a value against a format, its "-list" or its "-opt" form.
func checkFormat(format, s string) error {
	if f := formats[format]; f != nil {
		return f(s)
	}
	if format == "prune-backups" {
		_, err := ParsePrune(s)
		return err
	}
	if base, ok := strings.CutSuffix(format, "-list"); ok {
		if f := formats[base]; f != nil {
			for _, item := range Split(s) {
				if err := f(item); err != nil {
					return err
				}
			}
		}
		return nil
	}
	if base, ok := strings.CutSuffix(format, "-opt"); ok && s != "" && formats[base] != nil {
		return formats[base](s)
	}
	return nil
}

// Split reads a list as Proxmox VE does: separated by commas, semicolons, blanks or NUL.
func Split(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(",; \t\n\r\x00", r) })
}

func matches(pattern, problem string) func(string) error {
	re := regexp.MustCompile(`\A(?:` + pattern + `)\z`)
	return func(s string) error {
		if !re.MatchString(s) {
			return errors.New(problem)
		}
		return nil
	}
}

func quoted(pattern, problem string) func(string) error {
	re := regexp.MustCompile(`\A(?:` + pattern + `)\z`)
	return func(s string) error {
		if !re.MatchString(s) {
			return fmt.Errorf(problem, s)
		}
		return nil
	}
}

var dnsName = regexp.MustCompile(`\A(?:[A-Za-z0-9](?:[A-Za-z0-9\-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9](?:[A-Za-z0-9\-]{0,61}[A-Za-z0-9])?\z`)

func checkDNSName(s string) error {
	if !dnsName.MatchString(s) {
		return errors.New("value does not look like a valid DNS name\n")
	}
	return nil
}

func checkIPv4(s string) error {
	if a, err := netip.ParseAddr(s); err != nil || !a.Is4() {
		return errors.New("value does not look like a valid IPv4 address\n")
	}
	return nil
}

func checkIPv6(s string) error {
	if a, err := netip.ParseAddr(s); err != nil || !a.Is6() {
		return errors.New("value does not look like a valid IPv6 address\n")
	}
	return nil
}

func checkIP(s string) error {
	if _, err := netip.ParseAddr(s); err != nil {
		return errors.New("value does not look like a valid IP address\n")
	}
	return nil
}

var macAddress = regexp.MustCompile(`(?i)\A[a-f0-9][02468ace](?::[a-f0-9]{2}){5}\z`)

func checkMAC(s string) error {
	if !macAddress.MatchString(s) {
		return errors.New("value does not look like a valid unicast MAC address\n")
	}
	return nil
}

func checkIPv4Config(s string) error {
	if s == "dhcp" || s == "manual" {
		return nil
	}
	if p, err := netip.ParsePrefix(s); err != nil || !p.Addr().Is4() || p.Bits() == 0 {
		return errors.New("value does not look like a valid ipv4 network configuration\n")
	}
	return nil
}

func checkIPv6Config(s string) error {
	if s == "dhcp" || s == "manual" || s == "auto" {
		return nil
	}
	if p, err := netip.ParsePrefix(s); err != nil || !p.Addr().Is6() {
		return errors.New("value does not look like a valid ipv6 network configuration\n")
	}
	return nil
}

// pruneKeys are the keys of a retention.
var pruneKeys = map[string]*Property{
	"keep-all": {Type: "boolean", Optional: true}, "keep-last": {Type: "integer", Optional: true}, "keep-hourly": {Type: "integer", Optional: true},
	"keep-daily": {Type: "integer", Optional: true}, "keep-weekly": {Type: "integer", Optional: true},
	"keep-monthly": {Type: "integer", Optional: true}, "keep-yearly": {Type: "integer", Optional: true},
}

// ParsePrune reads a retention such as "keep-last=3,keep-daily=7".
func ParsePrune(s string) (map[string]string, error) {
	return ParseProperties(pruneKeys, "prune-backups", s)
}
