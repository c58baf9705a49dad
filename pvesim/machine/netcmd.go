package machine

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path"
	"strconv"
	"strings"
	"syscall"
	"time"

	"proximity/pvesim/machine/docker"
	"proximity/pvesim/machine/unix"
)

func (n *network) programs() map[string]unix.Program {
	return map[string]unix.Program{
		"curl": n.curl, "wget": n.wget, "nc": n.nc, "ss": n.ss, "netstat": n.netstat, "ip": n.ipCommand, "ifconfig": n.ifconfig, "ping": n.ping, "nslookup": n.nslookup,
	}
}

// target is a URL taken apart.
type target struct {
	host, path string
	port       int
	secure     bool
}

func parseURL(text string) (target, error) {
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" {
		return target{}, fmt.Errorf("bad URL %q", text)
	}
	t := target{host: u.Hostname(), path: u.EscapedPath(), port: 80, secure: u.Scheme == "https"}
	if t.path == "" {
		t.path = "/"
	}
	if t.secure {
		t.port = 443
	}
	if u.Port() != "" {
		t.port, err = strconv.Atoi(u.Port())
	}
	return t, err
}

// errors of a request that got through.
var (
	errReset = errors.New("Connection reset by peer")
	errTLS   = errors.New("wrong version number")
)

// get performs a request from inside.
func (n *network) get(p *unix.Proc, t target) (status int, kind, body string, err error) {
	e, err := n.dial(p, t.host, t.port)
	if err != nil {
		return 0, "", "", err
	}
	if t.secure && n.local(t.host) && e.Service != "outside" {
		return 0, "", "", errTLS
	}
	return n.ask(e, t)
}

func (n *network) ask(e *docker.Endpoint, t target) (status int, kind, body string, err error) {
	if !e.Ready() || e.Kind != "http" {
		return 0, "", "", errReset
	}
	status, kind, body = e.Answer(t.path)
	if strings.HasPrefix(t.host, "registry-1.") {
		status = 401
	}
	if e.Served != nil {
		e.Served(0, len(body))
	}
	return status, kind, body, nil
}

// wget: -q -O FILE --spider -T N -t N -S; BusyBox's texts on alpine, GNU's on debian.
func (n *network) wget(p *unix.Proc) int {
	busy := n.machine.opts.OS == "alpine" || p.Root != ""
	out, spider, quiet, headers, address := "", false, false, false, ""
	for i := 1; i < len(p.Args); i++ {
		a := p.Args[i]
		value := func() string {
			if i+1 < len(p.Args) {
				i++
				return p.Args[i]
			}
			return ""
		}
		switch {
		case a == "--spider":
			spider = true
		case a == "-O" || a == "--output-document":
			out = value()
		case strings.HasPrefix(a, "--output-document="):
			out = strings.TrimPrefix(a, "--output-document=")
		case a == "-T" || a == "-t" || a == "-U" || a == "--header" || a == "-P" || a == "--timeout" || a == "--tries" || a == "--post-data":
			value()
		case strings.HasPrefix(a, "--"):
			quiet, headers = quiet || a == "--quiet", headers || a == "--server-response"
		case strings.HasPrefix(a, "-") && len(a) > 1:
			for j := 1; j < len(a); j++ {
				switch a[j] {
				case 'q':
					quiet = true
				case 'S':
					headers = true
				case 'O':
					if out = a[j+1:]; out == "" {
						out = value()
					}
					j = len(a)
				case 'T', 't', 'U', 'P':
					if a[j+1:] == "" {
						value()
					}
					j = len(a)
				}
			}
		default:
			address = a
		}
	}
	t, err := parseURL(address)
	if err != nil {
		return p.Fail("bad address '%s'", address)
	}
	status, _, body, err := n.get(p, t)
	if err != nil {
		return n.wgetError(p, t, err, busy, quiet)
	}
	if headers {
		p.Errf("  HTTP/1.1 %d %s\n  Connection: close\n  Content-Length: %d\n  \n", status, http.StatusText(status), len(body))
	}
	if status >= 400 {
		if busy {
			return p.Fail("server returned error: HTTP/1.1 %d", status)
		}
		return 8
	}
	if spider {
		if !quiet {
			p.Errf("remote file exists\n")
		}
		return 0
	}
	if out == "" {
		if out = path.Base(t.path); out == "/" || out == "." {
			out = "index.html"
		}
	}
	if out == "-" {
		p.Outf("%s", body)
		return 0
	}
	f, err := p.Open(out, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o666)
	if err != nil {
		return p.Fail("can't open '%s': %s", out, unix.Text(err))
	}
	defer f.Close()
	fmt.Fprint(p.Writer(f), body)
	return 0
}

func (n *network) wgetError(p *unix.Proc, t target, err error, busy, quiet bool) int {
	if !busy {
		if errors.Is(err, errNoHost) {
			if !quiet {
				p.Errf("wget: unable to resolve host address ‘%s’\n", t.host)
			}
			return 4
		}
		if !quiet {
			p.Errf("Connecting to %s:%d... failed: %s.\n", t.host, t.port, unix.Text(err))
		}
		return 4
	}
	switch {
	case errors.Is(err, errNoHost):
		return p.Fail("bad address '%s'", t.host)
	case errors.Is(err, errReset):
		return p.Fail("error getting response: %s", err)
	case errors.Is(err, errTLS):
		p.Errf("ssl_client: %s: handshake failed: error: wrong version number\n", t.host)
		return p.Fail("error getting response: %s", errReset)
	}
	return p.Fail("can't connect to remote host (%s): %s", t.host, unix.Text(err))
}

// curl: -f -s -S -o -w -m -I -L -k -X -d -H and their long names.
func (n *network) curl(p *unix.Proc) int {
	var silent, showError, fail, head bool
	var out, write, address string
	short := map[byte]string{'f': "fail", 's': "silent", 'S': "show-error", 'o': "output", 'w': "write-out", 'm': "max-time", 'I': "head", 'X': "request", 'd': "data", 'H': "header", 'u': "user", 'A': "user-agent", 'b': "cookie", 'e': "referer", 'F': "form", 'T': "upload-file", 'x': "proxy"}
	valued := map[string]bool{"output": true, "write-out": true, "max-time": true, "request": true, "data": true, "header": true, "user": true, "user-agent": true, "cookie": true, "connect-timeout": true, "retry": true, "retry-delay": true, "retry-max-time": true, "resolve": true, "unix-socket": true, "referer": true, "form": true, "upload-file": true, "proxy": true, "data-raw": true}
	set := func(name, value string) {
		switch name {
		case "silent":
			silent = true
		case "show-error":
			showError = true
		case "fail", "fail-with-body":
			fail = true
		case "head":
			head = true
		case "output":
			out = value
		case "write-out":
			write = value
		}
	}
	for i := 1; i < len(p.Args); i++ {
		a := p.Args[i]
		next := func() string {
			if i+1 < len(p.Args) {
				i++
				return p.Args[i]
			}
			return ""
		}
		switch {
		case strings.HasPrefix(a, "--"):
			name := a[2:]
			value := ""
			if valued[name] {
				value = next()
			}
			set(name, value)
		case strings.HasPrefix(a, "-") && len(a) > 1:
			for j := 1; j < len(a); j++ {
				name := short[a[j]]
				if !valued[name] {
					set(name, "")
					continue
				}
				value := a[j+1:]
				if value == "" {
					value = next()
				}
				set(name, value)
				break
			}
		default:
			address = a
		}
	}
	if address == "" {
		p.Errf("curl: (2) no URL specified\n")
		return 2
	}
	t, err := parseURL(address)
	if err != nil {
		p.Errf("curl: (3) URL rejected: Malformed input to a URL function\n")
		return 3
	}
	status, kind, body, err := n.get(p, t)
	code, text := 0, ""
	switch {
	case errors.Is(err, errNoHost):
		code, text = 6, "Could not resolve host: "+t.host
	case errors.Is(err, errReset):
		code, text = 56, "Recv failure: Connection reset by peer"
	case errors.Is(err, errTLS):
		code, text = 35, "TLS connect error: error:0A00010B:SSL routines::wrong version number"
	case err != nil:
		code, text = 7, fmt.Sprintf("Failed to connect to %s port %d after 0 ms: Could not connect to server", t.host, t.port)
	case fail && status >= 400:
		code, text, body = 22, fmt.Sprintf("The requested URL returned error: %d", status), ""
	}
	if head && err == nil {
		body = fmt.Sprintf("HTTP/1.1 %d OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n", status, kind, len(body))
	}
	if err == nil && body != "" {
		if out == "" || out == "-" {
			p.Outf("%s", body)
		} else {
			f, ferr := p.Open(out, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o666)
			if ferr != nil {
				p.Errf("curl: (23) client returned ERROR on write, %d bytes\n", len(body))
				return 23
			}
			fmt.Fprint(p.Writer(f), body)
			f.Close()
		}
	}
	if write != "" {
		p.Outf("%s", strings.NewReplacer("%{http_code}", fmt.Sprintf("%03d", status), "%{response_code}", fmt.Sprintf("%03d", status), "%{content_type}", kind, "%{size_download}", strconv.Itoa(len(body)), "%{time_total}", "0.001259", `\n`, "\n", `\t`, "\t").Replace(write))
	}
	if code != 0 && (!silent || showError) {
		p.Errf("curl: (%d) %s\n", code, text)
	}
	return code
}

func (n *network) nc(p *unix.Proc) int {
	var operands []string
	scan, verbose := false, false
	for i := 1; i < len(p.Args); i++ {
		a := p.Args[i]
		if !strings.HasPrefix(a, "-") {
			operands = append(operands, a)
			continue
		}
		scan = scan || strings.Contains(a, "z")
		verbose = verbose || strings.Contains(a, "v")
		if strings.HasSuffix(a, "w") {
			i++
		}
	}
	if len(operands) < 2 {
		return p.Fail("missing host and port")
	}
	port, _ := strconv.Atoi(operands[1])
	e, err := n.dial(p, operands[0], port)
	if err != nil {
		if verbose {
			p.Errf("nc: %s (%s:%d): %s\n", operands[0], operands[0], port, unix.Text(err))
		}
		return 1
	}
	if verbose {
		p.Errf("%s (%s:%d) open\n", operands[0], operands[0], port)
	}
	if !scan && e.Kind == "redis" {
		p.Outf("+PONG\r\n")
	}
	return 0
}

func (n *network) ss(p *unix.Proc) int {
	flags := strings.Join(p.Args[1:], "")
	has := func(c string) bool { return strings.Contains(flags, c) }
	if !has("H") {
		p.Outf("State  Recv-Q Send-Q Local Address:Port  Peer Address:Port%s\n", map[bool]string{true: " Process", false: ""}[has("p")])
	}
	if !has("l") && !has("a") || has("u") && !has("t") {
		return 0
	}
	for i, l := range n.listeners() {
		addresses := []string{"0.0.0.0", "[::]"}
		if l.ip != "" {
			addresses = []string{l.ip}
		} else if l.process == "sshd" {
			addresses = []string{"*"}
		}
		for _, a := range addresses {
			process := ""
			if has("p") {
				process = fmt.Sprintf(" users:((%q,pid=%d,fd=7))", l.process, 700+i)
			}
			peer := "0.0.0.0:*"
			if a == "[::]" {
				peer = "[::]:*"
			} else if a == "*" {
				peer = "*:*"
			}
			p.Outf("LISTEN 0      4096   %s %s%s\n", pad(a+":"+strconv.Itoa(l.port), 18), peer, process)
		}
	}
	return 0
}

func pad(s string, width int) string { return s + strings.Repeat(" ", max(width-len(s), 0)) }

func (n *network) netstat(p *unix.Proc) int {
	program := strings.Contains(strings.Join(p.Args[1:], ""), "p")
	p.Outf("Active Internet connections (only servers)\nProto Recv-Q Send-Q Local Address           Foreign Address         State       %s\n", map[bool]string{true: "PID/Program name    ", false: ""}[program])
	for i, l := range n.listeners() {
		tail := ""
		if program {
			tail = fmt.Sprintf("%d/%s", 700+i, l.process)
		}
		ip := l.ip
		if ip == "" {
			ip = "0.0.0.0"
		}
		p.Outf("tcp        0      0 %-23s %-23s %-11s %s\n", fmt.Sprintf("%s:%d", ip, l.port), "0.0.0.0:*", "LISTEN", tail)
		if l.ip == "" {
			p.Outf("tcp        0      0 %-23s %-23s %-11s %s\n", fmt.Sprintf(":::%d", l.port), ":::*", "LISTEN", tail)
		}
	}
	return 0
}

// ipCommand is ip addr and ip route, with -4, -o and -br.
func (n *network) ipCommand(p *unix.Proc) int {
	var words []string
	flags := ""
	for _, a := range p.Args[1:] {
		if strings.HasPrefix(a, "-") {
			flags += a
		} else {
			words = append(words, a)
		}
	}
	object := "addr"
	if len(words) > 0 {
		object = words[0]
	}
	address := n.machine.addr().String()
	gateway := address[:strings.LastIndexByte(address, '.')] + ".1"
	switch {
	case strings.HasPrefix("route", object):
		p.Outf("default via %s dev eth0 \n%s.0/16 dev eth0 scope link  src %s \n", gateway, strings.Join(strings.Split(address, ".")[:2], ".")+".0", address)
	case !strings.HasPrefix("address", object) && object != "addr" && object != "link":
		p.Errf("Object \"%s\" is unknown, try \"ip help\".\n", object)
		return 1
	case strings.Contains(flags, "-o"):
		p.Outf("1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever preferred_lft forever\n2: eth0    inet %s/16 scope global eth0\\       valid_lft forever preferred_lft forever\n", address)
	case strings.Contains(flags, "-br"):
		p.Outf("lo               UNKNOWN        127.0.0.1/8 ::1/128 \neth0@if5         UP             %s/16 \n", address)
	default:
		p.Outf("1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default qlen 1000\n    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00\n    inet 127.0.0.1/8 scope host lo\n       valid_lft forever preferred_lft forever\n2: eth0@if5: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default qlen 1000\n    inet %s/16 brd %s scope global eth0\n       valid_lft forever preferred_lft forever\n", address, strings.Join(strings.Split(address, ".")[:2], ".")+".255.255")
	}
	return 0
}

func (n *network) ifconfig(p *unix.Proc) int {
	p.Outf("eth0      Link encap:Ethernet\n          inet addr:%s  Mask:255.255.0.0\n          UP BROADCAST RUNNING MULTICAST  MTU:1500  Metric:1\n\n", n.machine.addr())
	return 0
}

func (n *network) ping(p *unix.Proc) int {
	host := p.Args[len(p.Args)-1]
	_, err := n.dial(p, host, 0)
	if err != nil && !errors.Is(err, syscall.ECONNREFUSED) {
		if errors.Is(err, errNoHost) {
			return p.Fail("bad address '%s'", host)
		}
		p.Sleep(dialTimeout)
		p.Outf("PING %s (%s): 56 data bytes\n\n--- %s ping statistics ---\n1 packets transmitted, 0 packets received, 100%% packet loss\n", host, host, host)
		return 1
	}
	p.Sleep(10 * time.Millisecond)
	p.Outf("PING %s (%s): 56 data bytes\n64 bytes from %s: seq=0 ttl=64 time=0.052 ms\n\n--- %s ping statistics ---\n1 packets transmitted, 1 packets received, 0%% packet loss\n", host, host, host, host)
	return 0
}

func (n *network) nslookup(p *unix.Proc) int {
	host := p.Args[len(p.Args)-1]
	if _, err := n.dial(p, host, 0); errors.Is(err, errNoHost) {
		p.Outf(";; connection timed out; no servers could be reached\n")
		return 1
	}
	p.Outf("Server:\t\t10.10.10.1\nAddress:\t10.10.10.1:53\n\nName:\t%s\nAddress: 198.51.100.7\n", host)
	return 0
}
