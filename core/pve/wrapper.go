package pve

import (
	_ "embed"
	"strings"
)

//go:embed wrapper.sh
var wrapper string

// Wrapper is the script that a root key on the nodes can be restricted to: it lets through what this package
// sends over SSH, on containers whose description carries the installation's id (a word of letters and
// digits), and refuses all else. What needs the node itself (AppendRawConfig) is among the rest.
func Wrapper(installation string) string {
	return strings.ReplaceAll(wrapper, "@INSTALLATION@", installation)
}
