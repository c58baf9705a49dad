package docker

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"proximity/pvesim/machine/unix"
)

// psRow is one line of docker compose ps --format json.
type psRow struct {
	Command, CreatedAt                string
	ExitCode                          int
	Health, ID, Image, Labels         string
	LocalVolumes, Mounts, Name, Names string
	Networks, Ports, Project          string
	Publishers                        []publisher
	RunningFor, Service, Size         string
	State, Status                     string
}

type publisher struct {
	URL           string
	TargetPort    int
	PublishedPort int
	Protocol      string
}

func (c *Container) psRow(now time.Time) psRow {
	r := c.row(now)
	text := func(key string) string { return r[key].(string) }
	row := psRow{
		Command: text("Command"), CreatedAt: text("CreatedAt"), ExitCode: c.ExitCode, Health: c.HealthStatus, ID: c.ID[:12], Image: c.Image, Labels: text("Labels"),
		LocalVolumes: text("LocalVolumes"), Mounts: text("Mounts"), Name: c.Name, Names: c.Name, Networks: text("Networks"), Ports: c.portsText(),
		Project: c.Project, RunningFor: text("RunningFor"), Service: c.Service, Size: "0B", State: c.Status, Status: c.statusText(now),
	}
	if c.Status != "running" {
		if c.Status != "running" && c.Status != "restarting" {
			row.Health = ""
		}
		return row
	}
	for _, port := range c.Ports {
		ips := []string{"0.0.0.0", "::"}
		if port.IP != "" || port.Host == 0 {
			ips = []string{port.IP}
		}
		for _, ip := range ips {
			row.Publishers = append(row.Publishers, publisher{ip, port.Container, port.Host, port.Protocol})
		}
	}
	return row
}

func (e *Engine) composePs(p *unix.Proc, pr *project, o options) error {
	list := e.chosen(pr, o.rest)
	e.mu.Lock()
	now := p.K.Now()
	var rows []psRow
	for _, c := range list {
		status := o.set["status"]
		if !o.has("all") && status == "" && c.Status != "running" && c.Status != "restarting" || status != "" && c.Status != status {
			continue
		}
		rows = append(rows, c.psRow(now))
	}
	e.mu.Unlock()
	switch f := o.set["format"]; {
	case o.has("quiet"):
		for _, r := range rows {
			p.Outf("%s\n", e.fullID(r.Name))
		}
	case o.has("services"):
		for _, r := range rows {
			p.Outf("%s\n", r.Service)
		}
	case f == "json":
		for _, r := range rows {
			text, err := json.Marshal(r)
			if err != nil {
				return err
			}
			p.Outf("%s\n", text)
		}
	default:
		table := make([]map[string]any, len(rows))
		for i, r := range rows {
			table[i] = map[string]any{"Name": r.Name, "Names": r.Names, "Image": r.Image, "Command": r.Command, "Service": r.Service, "RunningFor": r.RunningFor, "Status": r.Status, "Ports": r.Ports, "State": r.State, "Health": r.Health, "ExitCode": r.ExitCode, "ID": r.ID, "Project": r.Project, "Publishers": r.Publishers}
		}
		if code := tableOf(p, f, table); code != 0 {
			return exitStatus(code)
		}
	}
	return nil
}

func tableOf(p *unix.Proc, format string, rows []map[string]any) int {
	return table(p, format, []string{"NAME", "IMAGE", "COMMAND", "SERVICE", "CREATED", "STATUS", "PORTS"}, rows)
}

func (e *Engine) fullID(name string) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if c := e.find(name); c != nil {
		return c.ID
	}
	return ""
}

// logPrefix is "web-1  | ", as wide as the longest.
func logPrefix(list []*Container, none bool) func(*Container, LogLine) string {
	width := 0
	name := func(c *Container) string { return fmt.Sprintf("%s-%d", c.Service, c.Number) }
	for _, c := range list {
		width = max(width, len(name(c)))
	}
	return func(c *Container, _ LogLine) string {
		if none {
			return ""
		}
		return fmt.Sprintf("%-*s  | ", width, name(c))
	}
}

func (e *Engine) composeLogs(p *unix.Proc, pr *project, o options) error {
	for _, name := range o.rest {
		if _, ok := pr.Services[name]; !ok && pr.Services != nil {
			return exitError{1, "no such service: " + name}
		}
	}
	list := e.chosen(pr, o.rest)
	e.follow(p, list, parseLogOptions(o, p.K.Now()), logPrefix(list, o.has("no-log-prefix")))
	return nil
}

func (e *Engine) composeImages(p *unix.Proc, pr *project, o options) error {
	list := e.chosen(pr, o.rest)
	e.mu.Lock()
	defer e.mu.Unlock()
	type row struct {
		ID, ContainerName, Repository, Tag string
		Size                               int64
	}
	rows := []row{}
	for _, c := range list {
		n, err := parseImage(c.Image)
		img := e.imageOf(c.Image)
		if err != nil || img == nil {
			continue
		}
		repo := strings.TrimSuffix(n.Familiar, ":"+n.Tag)
		rows = append(rows, row{"sha256:" + img.ID, c.Name, repo, n.Tag, img.Size})
	}
	if o.set["format"] == "json" {
		text, err := json.Marshal(rows)
		if err != nil {
			return err
		}
		p.Outf("%s\n", text)
		return nil
	}
	lines := [][]string{{"CONTAINER", "REPOSITORY", "TAG", "IMAGE ID", "SIZE"}}
	for _, r := range rows {
		if o.has("quiet") {
			p.Outf("%s\n", strings.TrimPrefix(r.ID, "sha256:"))
			continue
		}
		lines = append(lines, []string{r.ContainerName, r.Repository, r.Tag, strings.TrimPrefix(r.ID, "sha256:")[:12], sizeText(r.Size)})
	}
	if !o.has("quiet") {
		aligned(p, lines)
	}
	return nil
}

func (e *Engine) composePort(p *unix.Proc, pr *project, o options) error {
	for _, c := range e.chosen(pr, o.rest[:min(len(o.rest), 1)]) {
		for _, port := range c.Ports {
			if len(o.rest) > 1 && itoa(port.Container) == o.rest[1] {
				p.Outf("%s:%d\n", anyIP(port.IP), port.Host)
				return nil
			}
		}
	}
	return exitError{1, "no port " + strings.Join(o.rest, " ")}
}

func (e *Engine) composeLs(p *unix.Proc, o options) int {
	s := e.Save()
	type row struct{ Name, Status, ConfigFiles string }
	rows := []row{}
	counts := map[string]map[string]int{}
	files := map[string]string{}
	for _, c := range s.Containers {
		if c.Project == "" {
			continue
		}
		if counts[c.Project] == nil {
			counts[c.Project] = map[string]int{}
		}
		counts[c.Project][c.Status]++
		files[c.Project] = c.Labels["com.docker.compose.project.config_files"]
	}
	for _, name := range sortedNames(counts) {
		if counts[name]["running"] == 0 && !o.has("all") {
			continue
		}
		var parts []string
		for _, status := range sortedNames(counts[name]) {
			parts = append(parts, fmt.Sprintf("%s(%d)", status, counts[name][status]))
		}
		rows = append(rows, row{name, strings.Join(parts, ", "), files[name]})
	}
	if o.set["format"] == "json" {
		text, err := json.Marshal(rows)
		if err != nil {
			return 1
		}
		p.Outf("%s\n", text)
		return 0
	}
	lines := [][]string{{"NAME", "STATUS", "CONFIG FILES"}}
	for _, r := range rows {
		if o.has("quiet") {
			p.Outf("%s\n", r.Name)
			continue
		}
		lines = append(lines, []string{r.Name, r.Status, r.ConfigFiles})
	}
	if !o.has("quiet") {
		aligned(p, lines)
	}
	return 0
}
