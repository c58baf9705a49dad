package docker

import (
	"encoding/json"
	"fmt"
	"path"
	"strings"

	"proximity/pvesim/machine/unix"
)

func (e *Engine) cmdPort(p *unix.Proc, args []string) int {
	c, code := e.one(p, first(args))
	if c == nil {
		return code
	}
	for _, port := range c.Ports {
		if port.Host != 0 {
			p.Outf("%d/%s -> %s:%d\n", port.Container, port.Protocol, anyIP(port.IP), port.Host)
		}
	}
	return 0
}

func (e *Engine) cmdStats(p *unix.Proc, args []string) int {
	o := parseFlags(args, "format", nil, false)
	e.mu.Lock()
	var rows []map[string]any
	for _, c := range e.state.Containers {
		if c.Status == "running" {
			n := number(c.Image)
			rows = append(rows, map[string]any{"ID": c.ID[:12], "Name": c.Name, "CPUPerc": fmt.Sprintf("%.2f%%", float64(n%300)/100), "MemUsage": fmt.Sprintf("%dMiB / %.4gGiB", 20+n%120, float64(e.MemoryMB)/1024), "MemPerc": fmt.Sprintf("%.2f%%", float64(20+n%120)*100/float64(max(e.MemoryMB, 1)))})
		}
	}
	e.mu.Unlock()
	code := table(p, o.set["format"], []string{"CONTAINER ID", "NAME", "CPU %", "MEM USAGE / LIMIT"}, rows)
	if !o.has("no-stream") {
		<-p.Context().Done()
	}
	return code
}

// cmdInspect shows containers, images, volumes and networks.
func (e *Engine) cmdInspect(p *unix.Proc, args []string) int {
	o := parseFlags(args, "format type", map[string]string{"f": "format", "s": "size"}, false)
	var found []any
	code := 0
	e.mu.Lock()
	for _, ref := range o.rest {
		v := e.inspect(ref, p.Args[1])
		if v == nil {
			kind := map[string]string{"image": "No such image: ", "volume": "get ", "container": "No such container: "}[p.Args[1]]
			suffix := ""
			if kind == "" {
				kind = "No such object: "
			}
			if p.Args[1] == "volume" {
				suffix = ": no such volume"
			}
			p.Errf("Error: %s%s%s\n", kind, ref, suffix)
			code = 1
			continue
		}
		found = append(found, v)
	}
	e.mu.Unlock()
	if f := o.set["format"]; f != "" {
		for _, v := range found {
			if c := render(p, f, v); c != 0 {
				code = c
			}
		}
		return code
	}
	if found == nil {
		found = []any{}
	}
	text, err := json.MarshalIndent(found, "", "    ")
	if err != nil {
		return 1
	}
	p.Outf("%s\n", text)
	return code
}

func (e *Engine) inspect(ref, kind string) any {
	if c := e.find(ref); c != nil && kind != "image" && kind != "volume" && kind != "network" {
		return e.inspectContainer(c)
	}
	if img := e.imageOf(ref); img != nil && kind != "container" && kind != "volume" && kind != "network" {
		repo, _, _ := strings.Cut(img.Name, ":")
		return map[string]any{"Id": "sha256:" + img.ID, "RepoTags": []string{img.Name}, "RepoDigests": []string{repo + "@" + img.Digest}, "Created": img.Created, "Architecture": "amd64", "Os": "linux", "Size": img.Size}
	}
	for _, v := range e.state.Volumes {
		if v.Name == ref && (kind == "volume" || kind == "inspect") {
			return map[string]any{"Name": v.Name, "Driver": "local", "Mountpoint": volumeDir(v.Name), "CreatedAt": v.Created, "Scope": "local", "Labels": map[string]string{"com.docker.compose.project": v.Project, "com.docker.compose.volume": v.Key}}
		}
	}
	for _, n := range e.state.Networks {
		if n.Name == ref {
			return map[string]any{"Name": n.Name, "Id": n.ID, "Driver": "bridge", "Scope": "local", "Created": n.Created}
		}
	}
	return nil
}

func (e *Engine) inspectContainer(c *Container) any {
	state := map[string]any{
		"Status": c.Status, "Running": c.Status == "running" || c.Status == "restarting", "Paused": false, "Restarting": c.Status == "restarting", "OOMKilled": false, "Dead": false,
		"Pid": 0, "ExitCode": c.ExitCode, "Error": "", "StartedAt": c.StartedAt, "FinishedAt": c.FinishedAt,
	}
	if r := e.running[c.ID]; r != nil {
		state["Pid"] = r.pid
	}
	if c.Health != nil {
		state["Health"] = map[string]any{"Status": c.HealthStatus, "FailingStreak": map[bool]int{true: c.Health.Retries}[c.HealthStatus == "unhealthy"], "Log": []any{}}
	}
	env := []string{}
	for k, v := range c.Env {
		env = append(env, k+"="+v)
	}
	mounts := []any{}
	for _, m := range c.Mounts {
		kind, source := "bind", m.Source
		if m.Volume != "" {
			kind, source = "volume", volumeDir(m.Volume)
		}
		mounts = append(mounts, map[string]any{"Type": kind, "Name": m.Volume, "Source": source, "Destination": m.Target, "RW": !m.Read})
	}
	networks := map[string]any{}
	for i, n := range c.Networks {
		networks[n] = map[string]any{"IPAddress": fmt.Sprintf("172.%d.0.%d", 18+i, 2+c.Number), "Gateway": fmt.Sprintf("172.%d.0.1", 18+i)}
	}
	ports := map[string]any{}
	for _, port := range c.Ports {
		ports[fmt.Sprintf("%d/%s", port.Container, port.Protocol)] = []any{map[string]any{"HostIp": anyIP(port.IP), "HostPort": itoa(port.Host)}}
	}
	restart := c.Restart
	if restart == "" {
		restart = "no"
	}
	return map[string]any{
		"Id": c.ID, "Created": c.Created, "Path": first(c.command()), "Args": c.command()[1:], "State": state, "Image": "sha256:" + c.ImageID, "Name": "/" + c.Name,
		"RestartCount": c.RestartCount, "Mounts": mounts, "LogPath": path.Join("/var/lib/docker/containers", c.ID, c.ID+"-json.log"),
		"HostConfig":      map[string]any{"RestartPolicy": map[string]any{"Name": restart, "MaximumRetryCount": 0}},
		"Config":          map[string]any{"Hostname": c.ID[:12], "Env": env, "Cmd": c.Command, "Image": c.Image, "Labels": c.Labels, "WorkingDir": c.WorkDir},
		"NetworkSettings": map[string]any{"Ports": ports, "Networks": networks},
	}
}
