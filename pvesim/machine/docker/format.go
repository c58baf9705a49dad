package docker

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"text/template"
	"time"

	"proximity/pvesim/machine/unix"
)

var templateFuncs = template.FuncMap{
	"json":  func(v any) (string, error) { b, err := json.Marshal(v); return string(b), err },
	"upper": strings.ToUpper, "lower": strings.ToLower, "title": strings.ToTitle,
	"join": func(list []string, sep string) string { return strings.Join(list, sep) }, "split": strings.Split,
	"println": fmt.Sprintln,
}

// format executes a --format template on a value.
func format(text string, value any) (string, error) {
	text = strings.NewReplacer(`\t`, "\t", `\n`, "\n").Replace(text)
	t, err := template.New("").Funcs(templateFuncs).Option("missingkey=error").Parse(text)
	if err != nil {
		return "", fmt.Errorf("template parsing error: %w", err)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, value); err != nil {
		return "", fmt.Errorf("template parsing error: %w", err)
	}
	return b.String(), nil
}

// render prints a value by a --format text, "json" included.
func render(p *unix.Proc, text string, value any) int {
	if text == "json" {
		text = "{{json .}}"
	}
	out, err := format(text, value)
	if err != nil {
		p.Errf("%s\n", err)
		return 1
	}
	p.Outf("%s\n", out)
	return 0
}

// table prints rows under headers, or by a "table {{.X}}…" or "{{.X}}" template.
func table(p *unix.Proc, text string, columns []string, rows []map[string]any) int {
	switch {
	case text == "json" || text != "" && !strings.HasPrefix(text, "table"):
		for _, row := range rows {
			if code := render(p, text, row); code != 0 {
				return code
			}
		}
		return 0
	case strings.HasPrefix(text, "table"):
		text = strings.TrimSpace(strings.TrimPrefix(text, "table"))
		columns = nil
		var lines [][]string
		header := map[string]any{}
		for _, row := range rows {
			for key := range row {
				header[key] = strings.ToUpper(key)
			}
		}
		for _, key := range []string{"Names", "Name", "Status", "Image", "ID", "Ports", "Service", "State", "Command"} {
			header[key] = strings.ToUpper(key)
		}
		for _, row := range append([]map[string]any{header}, rows...) {
			out, err := format(text, row)
			if err != nil {
				p.Errf("%s\n", err)
				return 1
			}
			lines = append(lines, strings.Split(out, "\t"))
		}
		aligned(p, lines)
		return 0
	}
	lines := [][]string{columns}
	for _, row := range rows {
		var cells []string
		for _, c := range columns {
			cells = append(cells, fmt.Sprint(row[columnKeys[c]]))
		}
		lines = append(lines, cells)
	}
	aligned(p, lines)
	return 0
}

var columnKeys = map[string]string{
	"CONTAINER ID": "ID", "IMAGE": "Image", "COMMAND": "Command", "CREATED": "RunningFor", "STATUS": "Status", "PORTS": "Ports", "NAMES": "Names",
	"NAME": "Name", "SERVICE": "Service", "REPOSITORY": "Repository", "TAG": "Tag", "IMAGE ID": "ID", "SIZE": "Size",
	"CONFIG FILES": "ConfigFiles", "CPU %": "CPUPerc", "MEM USAGE / LIMIT": "MemUsage",
}

func aligned(p *unix.Proc, lines [][]string) {
	var widths []int
	for _, cells := range lines {
		for i, cell := range cells {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	for _, cells := range lines {
		var b strings.Builder
		for i, cell := range cells {
			b.WriteString(cell)
			if i < len(cells)-1 {
				b.WriteString(strings.Repeat(" ", widths[i]-len([]rune(cell))+3))
			}
		}
		p.Outf("%s\n", b.String())
	}
}

// ago prints a duration as docker does: 10 seconds, About a minute, 3 hours.
func ago(d time.Duration) string {
	switch s := int(d.Seconds()); {
	case s < 1:
		return "Less than a second"
	case s == 1:
		return "1 second"
	case s < 60:
		return fmt.Sprintf("%d seconds", s)
	case s < 120:
		return "About a minute"
	case s < 3600:
		return fmt.Sprintf("%d minutes", s/60)
	case s < 7200:
		return "About an hour"
	case s < 48*3600:
		return fmt.Sprintf("%d hours", s/3600)
	case s < 14*24*3600:
		return fmt.Sprintf("%d days", s/86400)
	default:
		return fmt.Sprintf("%d weeks", s/86400/7)
	}
}

// statusText is the STATUS column.
func (c *Container) statusText(now time.Time) string {
	switch c.Status {
	case "running":
		text := "Up " + ago(now.Sub(c.StartedAt))
		if c.HealthStatus == "starting" {
			text += " (health: starting)"
		} else if c.HealthStatus != "" {
			text += " (" + c.HealthStatus + ")"
		}
		return text
	case "restarting":
		return fmt.Sprintf("Restarting (%d) %s ago", c.ExitCode, ago(now.Sub(c.FinishedAt)))
	case "exited":
		return fmt.Sprintf("Exited (%d) %s ago", c.ExitCode, ago(now.Sub(c.FinishedAt)))
	}
	return "Created"
}

// portsText is the PORTS column.
func (c *Container) portsText() string {
	if c.Status != "running" {
		return ""
	}
	var parts []string
	for _, port := range c.Ports {
		if port.Host == 0 {
			parts = append(parts, fmt.Sprintf("%d/%s", port.Container, port.Protocol))
			continue
		}
		ips := []string{"0.0.0.0", "::"}
		if port.IP != "" {
			ips = []string{port.IP}
		}
		for _, ip := range ips {
			parts = append(parts, fmt.Sprintf("%s:%d->%d/%s", ip, port.Host, port.Container, port.Protocol))
		}
	}
	return strings.Join(parts, ", ")
}

// commandText is the COMMAND column, cut to 20 characters unless long.
func (c *Container) commandText(long bool) string {
	argv := append(append([]string(nil), c.Entrypoint...), c.Command...)
	text := "/docker-entrypoint.s…"
	if len(argv) > 0 {
		text = strings.Join(argv, " ")
		if len(argv) > 2 && argv[0] == "sh" && argv[1] == "-c" {
			text = "sh -c '" + argv[2] + "'"
		}
		if r := []rune(text); len(r) > 20 && !long {
			text = string(r[:19]) + "…"
		}
	}
	return `"` + text + `"`
}

// row is what ps templates see.
func (c *Container) row(now time.Time) map[string]any {
	labels := make([]string, 0, len(c.Labels))
	for k, v := range c.Labels {
		labels = append(labels, k+"="+v)
	}
	return map[string]any{
		"ID": c.ID[:12], "Image": c.Image, "Command": c.commandText(false), "CreatedAt": c.Created.UTC().Format("2006-01-02 15:04:05 +0000 UTC"),
		"RunningFor": ago(now.Sub(c.Created)) + " ago", "Ports": c.portsText(), "State": c.Status, "Status": c.statusText(now), "Names": c.Name,
		"Name": c.Name, "Labels": strings.Join(labels, ","), "Mounts": strings.Join(c.volumeNames(), ","), "Networks": strings.Join(c.Networks, ","),
		"LocalVolumes": fmt.Sprint(len(c.volumeNames())), "Size": "0B",
	}
}

func (c *Container) volumeNames() []string {
	names := []string{}
	for _, m := range c.Mounts {
		if m.Volume != "" {
			names = append(names, m.Volume)
		}
	}
	return names
}
