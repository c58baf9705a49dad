package machine

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"time"

	"proximity/pvesim/machine/unix"
)

func (n *network) programs() map[string]unix.Program {
	return map[string]unix.Program{
		"curl": n.curl, "wget": n.wget, "nc": n.nc, "ss": n.ss, "netstat": n.netstat, "ip": n.ipCommand, "ifconfig": n.ifconfig, "ping": n.ping, "nslookup": n.nslookup,
	}
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
