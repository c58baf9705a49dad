package userland

import (
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/expand"

	"proximity/pvesim/machine/unix"
)

func echo(p *unix.Proc) int {
	args := p.Args[1:]
	newline, escapes := true, false
	for len(args) > 0 && (args[0] == "-n" || args[0] == "-e" || args[0] == "-ne" || args[0] == "-en" || args[0] == "-E") {
		newline = newline && !strings.Contains(args[0], "n")
		escapes = escapes || strings.Contains(args[0], "e")
		args = args[1:]
	}
	text := strings.Join(args, " ")
	if escapes {
		text = strings.NewReplacer(`\n`, "\n", `\t`, "\t", `\\`, `\`, `\033`, "\x1b", `\e`, "\x1b", `\r`, "\r").Replace(text)
	}
	if newline {
		text += "\n"
	}
	p.Outf("%s", text)
	return 0
}

func printf(p *unix.Proc) int {
	args := p.Args[1:]
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		p.Errf("printf: usage: printf FORMAT [ARG]...\n")
		return 2
	}
	format, rest := args[0], args[1:]
	for {
		// %b takes its escapes from the argument; expand.Format has no such verb.
		shaped, values := format, rest
		if strings.Contains(format, "%b") {
			values = append([]string(nil), rest...)
			for i := range values {
				values[i] = strings.NewReplacer(`\n`, "\n", `\t`, "\t", `\\`, `\`).Replace(values[i])
			}
			shaped = strings.ReplaceAll(format, "%b", "%s")
		}
		text, used, err := expand.Format(&expand.Config{Env: expand.ListEnviron()}, shaped, values)
		if err != nil {
			p.Errf("printf: %s\n", err)
			return 1
		}
		p.Outf("%s", text)
		if used == 0 || used >= len(rest) {
			return 0
		}
		rest = rest[used:]
	}
}

// test evaluates [ … ]: 0 true, 1 false, 2 nonsense.
func test(p *unix.Proc) int {
	args := p.Args[1:]
	if p.Name() == "[" || p.Name() == "[[" {
		if len(args) == 0 || args[len(args)-1] != strings.Repeat("]", len(p.Name())) {
			p.Errf("%s: missing ]\n", p.Name())
			return 2
		}
		args = args[:len(args)-1]
	}
	t := &tester{p: p, args: args}
	if len(args) == 0 {
		return 1
	}
	result := t.or()
	if t.err == "" && len(t.args) > 0 {
		t.err = t.args[0] + ": unexpected operator"
	}
	if t.err != "" {
		p.Errf("%s: %s\n", p.Name(), t.err)
		return 2
	}
	if result {
		return 0
	}
	return 1
}

type tester struct {
	p    *unix.Proc
	args []string
	err  string
}

func (t *tester) next() string {
	if len(t.args) == 0 {
		if t.err == "" {
			t.err = "argument expected"
		}
		return ""
	}
	a := t.args[0]
	t.args = t.args[1:]
	return a
}

func (t *tester) or() bool {
	left := t.and()
	for len(t.args) > 0 && (t.args[0] == "-o" || t.args[0] == "||") {
		t.next()
		right := t.and()
		left = left || right
	}
	return left
}

func (t *tester) and() bool {
	left := t.term()
	for len(t.args) > 0 && (t.args[0] == "-a" || t.args[0] == "&&") {
		t.next()
		right := t.term()
		left = left && right
	}
	return left
}

var binaryTests = map[string]bool{
	"=": true, "==": true, "!=": true, "<": true, ">": true, "-eq": true, "-ne": true, "-lt": true, "-le": true, "-gt": true, "-ge": true, "-nt": true, "-ot": true, "-ef": true, "=~": true,
}

func (t *tester) term() bool {
	if len(t.args) >= 3 && binaryTests[t.args[1]] {
		a, op, b := t.next(), t.next(), t.next()
		return t.binary(a, op, b)
	}
	switch a := t.next(); {
	case a == "!" && len(t.args) > 0:
		return !t.term()
	case a == "(" && len(t.args) > 1:
		v := t.or()
		if t.next() != ")" {
			t.err = "closing paren expected"
		}
		return v
	case len(a) == 2 && a[0] == '-' && strings.ContainsRune("bcdefghkLnoprsStuwxzv", rune(a[1])) && len(t.args) > 0:
		return t.unary(a[1], t.next())
	default:
		return a != ""
	}
}

func (t *tester) unary(op byte, arg string) bool {
	switch op {
	case 'n':
		return arg != ""
	case 'z':
		return arg == ""
	case 't':
		fd, err := strconv.Atoi(arg)
		return err == nil && t.p.File(fd) != nil && t.p.File(fd).TTY
	case 'L', 'h':
		info, err := t.p.K.FS.Lstat(t.p.Path(arg))
		return err == nil && info.Mode()&fs.ModeSymlink != 0
	}
	if arg == "" {
		return false
	}
	info, err := t.p.K.FS.Stat(t.p.Path(arg))
	if err != nil {
		return false
	}
	switch op {
	case 'd':
		return info.IsDir()
	case 'f':
		return info.Mode().IsRegular()
	case 's':
		return info.Size() > 0
	case 'x':
		return info.Mode()&0o111 != 0
	case 'c':
		return info.Mode()&fs.ModeCharDevice != 0
	case 'S', 'p', 'b':
		return info.Mode()&(fs.ModeSocket|fs.ModeNamedPipe) != 0 && op != 'b'
	}
	return true // -e, -r, -w: root may
}

func (t *tester) binary(a, op, b string) bool {
	switch op {
	case "=", "==":
		return a == b
	case "!=":
		return a != b
	case "<":
		return a < b
	case ">":
		return a > b
	case "-nt", "-ot", "-ef":
		x, errX := t.p.K.FS.Stat(t.p.Path(a))
		y, errY := t.p.K.FS.Stat(t.p.Path(b))
		if errX != nil || errY != nil {
			return op == "-nt" && errX == nil
		}
		switch op {
		case "-nt":
			return x.ModTime().After(y.ModTime())
		case "-ot":
			return x.ModTime().Before(y.ModTime())
		}
		return x.ID == y.ID
	}
	x, errX := strconv.ParseInt(strings.TrimSpace(a), 10, 64)
	y, errY := strconv.ParseInt(strings.TrimSpace(b), 10, 64)
	if errX != nil || errY != nil {
		bad := a
		if errX == nil {
			bad = b
		}
		if t.err == "" {
			t.err = "Illegal number: " + bad
		}
		return false
	}
	return map[string]bool{"-eq": x == y, "-ne": x != y, "-lt": x < y, "-le": x <= y, "-gt": x > y, "-ge": x >= y}[op]
}

// expr knows integers, comparisons and the usual operators, left to right with two levels.
func expr(p *unix.Proc) int {
	args := p.Args[1:]
	if len(args) == 1 {
		p.Outf("%s\n", args[0])
		return 0
	}
	if len(args) != 3 {
		p.Errf("expr: syntax error\n")
		return 2
	}
	x, errX := strconv.ParseInt(args[0], 10, 64)
	y, errY := strconv.ParseInt(args[2], 10, 64)
	numbers := errX == nil && errY == nil
	truth := func(b bool) string {
		if b {
			return "1"
		}
		return "0"
	}
	result := ""
	switch op := args[1]; {
	case op == "=":
		result = truth(args[0] == args[2])
	case op == "!=":
		result = truth(args[0] != args[2])
	case !numbers:
		p.Errf("expr: non-numeric argument\n")
		return 2
	case (op == "/" || op == "%") && y == 0:
		p.Errf("expr: division by zero\n")
		return 2
	default:
		switch op {
		case "+":
			result = fmt.Sprint(x + y)
		case "-":
			result = fmt.Sprint(x - y)
		case "*":
			result = fmt.Sprint(x * y)
		case "/":
			result = fmt.Sprint(x / y)
		case "%":
			result = fmt.Sprint(x % y)
		case "<":
			result = truth(x < y)
		case ">":
			result = truth(x > y)
		case "<=":
			result = truth(x <= y)
		case ">=":
			result = truth(x >= y)
		default:
			p.Errf("expr: syntax error\n")
			return 2
		}
	}
	p.Outf("%s\n", result)
	if result == "0" {
		return 1
	}
	return 0
}
