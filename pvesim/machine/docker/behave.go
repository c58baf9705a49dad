package docker

import (
	"fmt"
	"strings"
)

var helloWorld = []string{
	"", "Hello from Docker!", "This message shows that your installation appears to be working correctly.", "",
	"To generate this message, Docker took the following steps:",
	" 1. The Docker client contacted the Docker daemon.",
	" 2. The Docker daemon pulled the \"hello-world\" image from the Docker Hub.",
	"    (amd64)",
	" 3. The Docker daemon created a new container from that image which runs the",
	"    executable that produces the output you are currently reading.",
	" 4. The Docker daemon streamed that output to the Docker client, which sent it",
	"    to your terminal.", "",
}

// startLines are what a server says when it starts: the first at once, the others when it is ready.
func startLines(s imageSpec, c *Container) []string {
	name := strings.SplitN(c.Image[strings.LastIndexByte(c.Image, '/')+1:], ":", 2)[0]
	switch s.Kind {
	case "postgres":
		return []string{
			"PostgreSQL init process complete; ready for start up.",
			`LOG:  starting PostgreSQL on x86_64-pc-linux-musl, 64-bit`,
			`LOG:  listening on IPv4 address "0.0.0.0", port 5432`,
			"LOG:  database system is ready to accept connections",
		}
	case "redis":
		return []string{"* Redis is starting", "* Running mode=standalone, port=6379.", "* Ready to accept connections tcp"}
	case "mysql":
		return []string{"[Note] [Entrypoint]: Entrypoint script for MariaDB Server started.", "[Note] mariadbd: ready for connections.", "Version: simulated  socket: '/run/mysqld/mysqld.sock'  port: 3306"}
	}
	port := s.Port
	if port == 0 && len(c.Ports) > 0 {
		port = c.Ports[0].Container
	}
	if port == 0 {
		port = 8080
	}
	return []string{
		fmt.Sprintf("%s: starting", name),
		fmt.Sprintf("%s: configuration loaded, %d environment variables", name, len(c.Env)),
		fmt.Sprintf("%s: listening on 0.0.0.0:%d", name, port),
	}
}

var idle = map[string][]string{
	"postgres": {"LOG:  checkpoint starting: time", "LOG:  checkpoint complete: wrote 14 buffers (0.1%)", "LOG:  automatic vacuum of table finished"},
	"redis":    {"* 1 changes in 3600 seconds. Saving...", "* Background saving terminated with success", "* DB saved on disk"},
	"http":     {"INFO scheduled task finished in 12ms", "INFO cache refreshed", "INFO session store cleaned, 0 expired", "DEBUG health probe answered 200", "INFO background queue is empty"},
}

func idleLine(s imageSpec, n uint64) string {
	list := idle[s.Kind]
	if list == nil {
		list = idle["http"]
	}
	return list[n%uint64(len(list))]
}

// Page is what a simulated web server answers.
func Page(e *Endpoint) string {
	return fmt.Sprintf("<!doctype html>\n<html><head><title>%[1]s</title></head><body><h1>%[1]s</h1><p>service %[2]s, simulated by pvesim</p></body></html>\n", e.Image, e.Service)
}
