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

	"proximity/pvesim/machine/docker"
	"proximity/pvesim/machine/unix"
)

// target is a URL taken apart.
type target struct {
	host, path string
	port       int
	secure     bool
	trusting   bool // takes any certificate
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
	errCert  = errors.New("self-signed certificate")
)

// get performs a request from inside.
func (n *network) get(p *unix.Proc, t target) (status int, kind, body string, err error) {
	e, err := n.dial(p, t.host, t.port)
	if err != nil {
		return 0, "", "", err
	}
	switch outside := e.Service == "outside"; {
	case t.secure && !outside && e.Kind != "https":
		return 0, "", "", errTLS
	case t.secure && !outside && !t.trusting:
		return 0, "", "", errCert
	case !t.secure && e.Kind == "https" && e.Ready():
		return http.StatusBadRequest, "text/plain", "Client sent an HTTP request to an HTTPS server.\n", nil
	}
	return n.ask(e, t)
}

func (n *network) ask(e *docker.Endpoint, t target) (status int, kind, body string, err error) {
	if !e.Ready() || e.Kind != "http" && e.Kind != "https" {
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
	out, spider, quiet, headers, trusting, address := "", false, false, false, false, ""
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
			quiet, headers, trusting = quiet || a == "--quiet", headers || a == "--server-response", trusting || a == "--no-check-certificate"
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
	t.trusting = trusting
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
		if errors.Is(err, errCert) {
			if !quiet {
				p.Errf("ERROR: The certificate of ‘%s’ is not trusted.\n", t.host)
			}
			return 5
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
	case errors.Is(err, errCert):
		p.Errf("ssl_client: %s: certificate verification failed: self-signed certificate\n", t.host)
		return p.Fail("error getting response: %s", errReset)
	}
	return p.Fail("can't connect to remote host (%s): %s", t.host, unix.Text(err))
}

// curl: -f -s -S -o -w -m -I -L -k -X -d -H and their long names.
func (n *network) curl(p *unix.Proc) int {
	var silent, showError, fail, head, trusting bool
	var out, write, address string
	short := map[byte]string{'f': "fail", 's': "silent", 'S': "show-error", 'o': "output", 'w': "write-out", 'm': "max-time", 'I': "head", 'k': "insecure", 'X': "request", 'd': "data", 'H': "header", 'u': "user", 'A': "user-agent", 'b': "cookie", 'e': "referer", 'F': "form", 'T': "upload-file", 'x': "proxy"}
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
		case "insecure":
			trusting = true
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
	t.trusting = trusting
	status, kind, body, err := n.get(p, t)
	code, text := 0, ""
	switch {
	case errors.Is(err, errNoHost):
		code, text = 6, "Could not resolve host: "+t.host
	case errors.Is(err, errReset):
		code, text = 56, "Recv failure: Connection reset by peer"
	case errors.Is(err, errTLS):
		code, text = 35, "TLS connect error: error:0A00010B:SSL routines::wrong version number"
	case errors.Is(err, errCert):
		code, text = 60, "SSL certificate problem: self-signed certificate"
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
