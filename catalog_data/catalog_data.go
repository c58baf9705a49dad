// Package catalogdata carries the catalogue's manifests, one JSON file per app, inside the binary.
package catalogdata

import "embed"

// FS holds the manifests, named <id>.json.
//
//go:embed *.json
var FS embed.FS
