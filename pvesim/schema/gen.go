//go:build ignore

// Gen reduces Proxmox VE's API schema to the methods the simulator serves:
//
//	go run gen.go /path/to/api-schema-9.1.json > schema.json
package main

import (
	"encoding/json"
	"log"
	"os"
	"regexp"
	"strings"
)

// served says which methods to keep: a path, or a path that ends in /** for all below it.
var served = map[string]string{
	"/access":                                             "GET",
	"/access/ticket":                                      "GET POST",
	"/access/permissions":                                 "GET",
	"/access/password":                                    "PUT",
	"/access/domains":                                     "GET",
	"/access/roles":                                       "GET POST",
	"/access/roles/{roleid}":                              "GET PUT DELETE",
	"/access/acl":                                         "GET PUT",
	"/access/groups":                                      "GET",
	"/access/users":                                       "GET POST",
	"/access/users/{userid}":                              "GET PUT DELETE",
	"/access/users/{userid}/token":                        "GET",
	"/access/users/{userid}/token/{tokenid}":              "GET POST PUT DELETE",
	"/cluster":                                            "GET",
	"/cluster/config/join":                                "GET",
	"/cluster/nextid":                                     "GET",
	"/cluster/options":                                    "GET",
	"/cluster/resources":                                  "GET",
	"/cluster/status":                                     "GET",
	"/cluster/tasks":                                      "GET",
	"/nodes":                                              "GET",
	"/nodes/{node}":                                       "GET",
	"/nodes/{node}/aplinfo":                               "GET POST",
	"/nodes/{node}/dns":                                   "GET",
	"/nodes/{node}/lxc":                                   "GET POST",
	"/nodes/{node}/lxc/{vmid}":                            "GET DELETE",
	"/nodes/{node}/lxc/{vmid}/clone":                      "POST",
	"/nodes/{node}/lxc/{vmid}/config":                     "GET PUT",
	"/nodes/{node}/lxc/{vmid}/feature":                    "GET",
	"/nodes/{node}/lxc/{vmid}/interfaces":                 "GET",
	"/nodes/{node}/lxc/{vmid}/migrate":                    "GET POST",
	"/nodes/{node}/lxc/{vmid}/pending":                    "GET",
	"/nodes/{node}/lxc/{vmid}/resize":                     "PUT",
	"/nodes/{node}/lxc/{vmid}/rrddata":                    "GET",
	"/nodes/{node}/lxc/{vmid}/snapshot":                   "GET POST",
	"/nodes/{node}/lxc/{vmid}/snapshot/{snapname}":        "GET DELETE",
	"/nodes/{node}/lxc/{vmid}/snapshot/{snapname}/config": "GET PUT",
	"/nodes/{node}/lxc/{vmid}/snapshot/{snapname}/rollback": "POST",
	"/nodes/{node}/lxc/{vmid}/status":                       "GET",
	"/nodes/{node}/lxc/{vmid}/status/current":               "GET",
	"/nodes/{node}/lxc/{vmid}/status/reboot":                "POST",
	"/nodes/{node}/lxc/{vmid}/status/shutdown":              "POST",
	"/nodes/{node}/lxc/{vmid}/status/start":                 "POST",
	"/nodes/{node}/lxc/{vmid}/status/stop":                  "POST",
	"/nodes/{node}/lxc/{vmid}/template":                     "POST",
	"/nodes/{node}/lxc/{vmid}/termproxy":                    "POST",
	"/nodes/{node}/lxc/{vmid}/vncwebsocket":                 "GET",
	"/nodes/{node}/network":                                 "GET",
	"/nodes/{node}/network/{iface}":                         "GET",
	"/nodes/{node}/qemu":                                    "GET",
	"/nodes/{node}/qemu/{vmid}/config":                      "GET",
	"/nodes/{node}/qemu/{vmid}/status/current":              "GET",
	"/nodes/{node}/query-oci-repo-tags":                     "GET",
	"/nodes/{node}/query-url-metadata":                      "GET",
	"/nodes/{node}/rrddata":                                 "GET",
	"/nodes/{node}/status":                                  "GET",
	"/nodes/{node}/storage":                                 "GET",
	"/nodes/{node}/storage/{storage}":                       "GET",
	"/nodes/{node}/storage/{storage}/content":               "GET",
	"/nodes/{node}/storage/{storage}/content/{volume}":      "GET PUT DELETE",
	"/nodes/{node}/storage/{storage}/download-url":          "POST",
	"/nodes/{node}/storage/{storage}/oci-registry-pull":     "POST",
	"/nodes/{node}/storage/{storage}/prunebackups":          "GET DELETE",
	"/nodes/{node}/storage/{storage}/rrddata":               "GET",
	"/nodes/{node}/storage/{storage}/status":                "GET",
	"/nodes/{node}/tasks":                                   "GET",
	"/nodes/{node}/tasks/{upid}":                            "GET DELETE",
	"/nodes/{node}/tasks/{upid}/log":                        "GET",
	"/nodes/{node}/tasks/{upid}/status":                     "GET",
	"/nodes/{node}/time":                                    "GET",
	"/nodes/{node}/version":                                 "GET",
	"/nodes/{node}/vzdump":                                  "POST",
	"/nodes/{node}/vzdump/defaults":                         "GET",
	"/nodes/{node}/vzdump/extractconfig":                    "GET",
	"/pools":                                                "GET POST PUT DELETE",
	"/pools/{poolid}":                                       "GET PUT DELETE",
	"/storage":                                              "GET",
	"/storage/{storage}":                                    "GET",
	"/version":                                              "GET",
}

// keep names the parameter properties that the validator reads.
var keep = []string{"type", "optional", "format", "fmt", "min", "max", "minLength", "maxLength", "pattern", "enum", "requires", "default_key", "alias", "keyAlias", "items"}

func main() {
	raw, err := os.ReadFile(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	var in struct {
		Paths map[string]map[string]map[string]any `json:"paths"`
	}
	if err := json.Unmarshal(raw, &in); err != nil {
		log.Fatal(err)
	}
	out := map[string]map[string]any{}
	for path, methods := range served {
		out[path] = map[string]any{}
		for _, method := range strings.Fields(methods) {
			m, ok := in.Paths[path][method]
			if !ok {
				log.Fatalf("the schema has no %s %s", method, path)
			}
			slim := map[string]any{}
			if p := params(m["params"]); len(p) > 0 {
				slim["params"] = p
			}
			if m["permissions"] != nil {
				slim["permissions"] = m["permissions"]
			}
			if m["allowtoken"] != nil {
				slim["allowtoken"] = m["allowtoken"]
			}
			out[path][method] = slim
		}
	}
	e := json.NewEncoder(os.Stdout)
	e.SetEscapeHTML(false)
	if err := e.Encode(out); err != nil {
		log.Fatal(err)
	}
}

func params(in any) map[string]any {
	all, _ := in.(map[string]any)
	out := map[string]any{}
	for name, p := range all {
		slim := map[string]any{}
		for _, k := range keep {
			v, ok := p.(map[string]any)[k]
			if !ok {
				continue
			}
			switch k {
			case "fmt":
				v = params(v)
			case "pattern":
				v = pattern(v.(string))
			}
			slim[k] = v
		}
		out[name] = slim
	}
	return out
}

var (
	octal = regexp.MustCompile(`\\0`)
	many  = regexp.MustCompile(`\{0,[0-9]{4,}\}`) // more than Go's expressions count
)

// pattern translates a Perl expression into Go's syntax.
func pattern(p string) string {
	p = strings.NewReplacer("(?^:", "(?:", "(?^i:", "(?i:", "(?^a:", "(?:", "(?^x:", "(?:").Replace(p)
	return many.ReplaceAllString(octal.ReplaceAllString(p, `\x00`), "*")
}
