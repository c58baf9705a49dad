package docker

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
)

// container makes the container that a service asks for.
func (e *Engine) container(pr *project, s types.ServiceConfig, number int) *Container {
	c := &Container{
		Name: s.ContainerName, Image: s.Image, Command: s.Command, Entrypoint: s.Entrypoint, Env: map[string]string{}, Labels: map[string]string{},
		Project: pr.Name, Service: s.Name, Number: number, WorkDir: s.WorkingDir, Restart: s.Restart,
	}
	if c.Name == "" {
		c.Name = fmt.Sprintf("%s-%s-%d", pr.Name, s.Name, number)
	}
	if c.Restart == "no" {
		c.Restart = ""
	}
	if s.StopGracePeriod != nil {
		c.StopGrace = time.Duration(*s.StopGracePeriod)
	}
	for k, v := range s.Environment {
		if v != nil {
			c.Env[k] = *v
		}
	}
	for k, v := range s.Labels {
		c.Labels[k] = v
	}
	for _, port := range s.Ports {
		if s.NetworkMode == "host" {
			break // docker: published ports are discarded when using host network mode
		}
		host := 0
		fmt.Sscanf(port.Published, "%d", &host)
		ip := port.HostIP
		if ip == "0.0.0.0" {
			ip = ""
		}
		protocol := port.Protocol
		if protocol == "" {
			protocol = "tcp"
		}
		c.Ports = append(c.Ports, Port{IP: ip, Host: host, Container: int(port.Target), Protocol: protocol})
	}
	for _, v := range s.Volumes {
		m := Mount{Target: v.Target, Read: v.ReadOnly}
		switch v.Type {
		case types.VolumeTypeVolume:
			m.Volume = v.Source
			if def, ok := pr.Volumes[v.Source]; ok {
				m.Volume = def.Name
			}
			if m.Volume == "" {
				m.Volume = hexID(e.Seed, c.Name, v.Target)
			}
		case types.VolumeTypeBind:
			m.Source = v.Source
		default:
			continue
		}
		c.Mounts = append(c.Mounts, m)
	}
	if s.NetworkMode == "host" {
		c.OnHost, c.Networks = true, []string{"host"}
	}
	for _, key := range sortedNames(s.Networks) {
		name := key
		if def, ok := pr.Networks[key]; ok {
			name = def.Name
		}
		c.Networks = append(c.Networks, name)
	}
	var deps []string
	for _, dep := range sortedNames(s.DependsOn) {
		d := s.DependsOn[dep]
		deps = append(deps, fmt.Sprintf("%s:%s:%v", dep, d.Condition, d.Restart))
	}
	c.DependsOn = strings.Join(deps, ",")
	c.Health = healthOf(s.HealthCheck)
	c.ConfigHash = configHash(s)
	for k, v := range map[string]string{
		"project": pr.Name, "service": s.Name, "container-number": itoa(number), "oneoff": "False", "config-hash": c.ConfigHash,
		"project.config_files": strings.Join(pr.files, ","), "project.working_dir": pr.WorkingDir, "depends_on": c.DependsOn, "version": e.composeVersion(),
	} {
		c.Labels["com.docker.compose."+k] = v
	}
	return c
}

func healthOf(h *types.HealthCheckConfig) *Health {
	if h == nil || h.Disable || len(h.Test) == 0 || h.Test[0] == "NONE" {
		return nil
	}
	health := &Health{Test: h.Test, Interval: 30 * time.Second, Timeout: 30 * time.Second, StartInterval: 5 * time.Second, Retries: 3}
	if h.Interval != nil {
		health.Interval = time.Duration(*h.Interval)
	}
	if h.Timeout != nil {
		health.Timeout = time.Duration(*h.Timeout)
	}
	if h.StartPeriod != nil {
		health.StartPeriod = time.Duration(*h.StartPeriod)
	}
	if h.StartInterval != nil {
		health.StartInterval = time.Duration(*h.StartInterval)
	}
	if h.Retries != nil {
		health.Retries = int(*h.Retries)
	}
	return health
}

// configHash changes when a service's definition does.
func configHash(s types.ServiceConfig) string {
	s.DependsOn, s.Scale, s.PullPolicy = nil, nil, ""
	text, err := json.Marshal(s)
	if err != nil {
		text = []byte(fmt.Sprint(s))
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
