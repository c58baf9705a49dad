package shell

import (
	"sort"
	"strings"

	"mvdan.cc/sh/v3/expand"
)

func export(s *shell, args []string) int {
	readonly := args[0] == "readonly"
	args = args[1:]
	remove := false
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		remove = args[0] == "-n"
		args = args[1:]
	}
	if len(args) == 0 {
		for _, name := range s.names() {
			if v := s.vars[name]; v.exported && !readonly {
				s.p.Outf("export %s='%s'\n", name, v.value)
			} else if v.readonly && readonly {
				s.p.Outf("readonly %s='%s'\n", name, v.value)
			}
		}
		return 0
	}
	for _, arg := range args {
		name, value, given := strings.Cut(arg, "=")
		if !validName(name) {
			s.errorf("export: %s: bad variable name", name)
			s.fatal(2)
			return 2
		}
		if given && !s.assign(name, value) {
			return 2
		}
		s.declare(name, func(v *variable) {
			v.exported = !remove && (v.exported || !readonly)
			v.readonly = v.readonly || readonly
		})
	}
	return 0
}

func (s *shell) names() []string {
	names := make([]string, 0, len(s.vars))
	for name := range s.vars {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

func local(s *shell, args []string) int {
	exported, readonly := false, false
	for _, arg := range args[1:] {
		if strings.HasPrefix(arg, "-") {
			exported = exported || strings.Contains(arg, "x")
			readonly = readonly || strings.Contains(arg, "r")
			continue
		}
		if args[0] == "local" && len(s.locals) == 0 {
			s.errorf("local: not in a function")
			s.fatal(2)
			return 2
		}
		name, value, given := strings.Cut(arg, "=")
		s.makeLocal(name)
		if given && !s.assign(name, value) {
			return 2
		}
		s.declare(name, func(v *variable) { v.exported = v.exported || exported; v.readonly = v.readonly || readonly })
	}
	return 0
}

var longOptions = map[string]byte{
	"errexit": 'e', "nounset": 'u', "xtrace": 'x', "noglob": 'f', "noexec": 'n', "allexport": 'a', "noclobber": 'C',
	"pipefail": 'P', "verbose": 'v', "monitor": 'm', "posix": 'p', "vi": 'V', "emacs": 'E',
}

func (s *shell) setOption(name string, on bool) bool {
	letter, ok := longOptions[name]
	if !ok || name == "pipefail" && s.flavor == Dash { // dash 0.5.12 of debian 12 and 13 has none
		sign := "-"
		if !on {
			sign = "+"
		}
		s.errorf("set: Illegal option %so %s", sign, name)
		s.fatal(2)
		return false
	}
	s.opts[letter] = on
	return true
}

func set(s *shell, args []string) int {
	args = args[1:]
	if len(args) == 0 {
		for _, name := range s.names() {
			s.p.Outf("%s='%s'\n", name, s.vars[name].value)
		}
		return 0
	}
	for len(args) > 0 {
		arg := args[0]
		if arg == "--" || arg == "-" {
			s.params = append([]string(nil), args[1:]...)
			return 0
		}
		if len(arg) < 2 || arg[0] != '-' && arg[0] != '+' {
			s.params = append([]string(nil), args...)
			return 0
		}
		args = args[1:]
		for i := 1; i < len(arg); i++ {
			if arg[i] != 'o' {
				s.opts[arg[i]] = arg[0] == '-'
				continue
			}
			if len(args) == 0 {
				return 0
			}
			if !s.setOption(args[0], arg[0] == '-') {
				return 2
			}
			args = args[1:]
		}
	}
	return 0
}

func shift(s *shell, args []string) int {
	n := 1
	if len(args) > 1 {
		n, _ = atoi(args[1])
	}
	if n > len(s.params) {
		s.errorf("shift: can't shift that many")
		s.fatal(2)
		return 2
	}
	s.params = s.params[n:]
	return 0
}

func unset(s *shell, args []string) int {
	functions := false
	for _, arg := range args[1:] {
		switch {
		case arg == "-f":
			functions = true
		case arg == "-v":
			functions = false
		case functions:
			delete(s.funcs, arg)
		case s.vars[arg] != nil && s.vars[arg].readonly:
			s.errorf("%s: is read only", arg)
			s.fatal(2)
			return 2
		default:
			delete(s.vars, arg)
		}
	}
	return 0
}

func read(s *shell, args []string) int {
	args = args[1:]
	raw, count := false, -1
	for len(args) > 0 && strings.HasPrefix(args[0], "-") && len(args[0]) > 1 {
		flag := args[0]
		args = args[1:]
		raw = raw || strings.Contains(flag, "r")
		if last := flag[len(flag)-1]; (last == 'p' || last == 't' /* no timeout: input here comes at once or not at all */ || last == 'n' || last == 'd') && len(args) > 0 {
			switch last {
			case 'p':
				s.p.Errf("%s", args[0])
			case 'n':
				count, _ = atoi(args[0])
			}
			args = args[1:]
		}
	}
	if len(args) == 0 {
		args = []string{"REPLY"}
	}
	var line strings.Builder
	in := s.p.Stdin()
	b := make([]byte, 1)
	status, escaped := 1, false
	for count != 0 {
		n, err := in.Read(b)
		if n == 0 || err != nil {
			break
		}
		if b[0] == '\n' && !escaped {
			status = 0
			break
		}
		if b[0] == '\n' { // a continued line
			text := line.String()
			line.Reset()
			line.WriteString(text[:len(text)-1])
			escaped = false
			continue
		}
		escaped = !raw && b[0] == '\\' && !escaped
		line.WriteByte(b[0])
		count--
	}
	if count == 0 {
		status = 0
	}
	fields := expand.ReadFields(s.cfg, line.String(), len(args), raw)
	for i, name := range args {
		value := ""
		if i < len(fields) {
			value = fields[i]
		}
		if !s.assign(name, value) {
			return 2
		}
	}
	return status
}

func getopts(s *shell, args []string) int {
	if len(args) < 3 {
		return 2
	}
	spec, name, words := args[1], args[2], s.params
	if len(args) > 3 {
		words = args[3:]
	}
	silent := strings.HasPrefix(spec, ":")
	ind, _ := atoi(s.get("OPTIND"))
	if ind <= 1 && s.optind == 0 {
		ind = 1
	}
	delete(s.vars, "OPTARG")
	if ind > len(words) || len(words[ind-1]) < 2 || words[ind-1][0] != '-' || words[ind-1] == "--" {
		if ind <= len(words) && words[ind-1] == "--" {
			s.assign("OPTIND", itoa(ind+1))
		}
		s.assign(name, "?")
		s.optind = 0
		return 1
	}
	word := words[ind-1]
	if s.optind == 0 {
		s.optind = 1
	}
	letter := word[s.optind]
	s.optind++
	at := strings.IndexByte(strings.TrimPrefix(spec, ":"), letter)
	spec = strings.TrimPrefix(spec, ":")
	value, result := "", string(letter)
	switch {
	case at < 0 || letter == ':':
		result = "?"
		if silent {
			s.assign("OPTARG", string(letter))
		} else {
			s.errorf("Illegal option -%c", letter)
		}
	case at+1 < len(spec) && spec[at+1] == ':':
		if s.optind < len(word) {
			value = word[s.optind:]
		} else if ind < len(words) {
			ind++
			value = words[ind-1]
		} else {
			result = "?"
			if silent {
				result = ":"
				value = string(letter)
			} else {
				s.errorf("No arg for -%c option", letter)
			}
		}
		s.assign("OPTARG", value)
		s.optind = len(word)
	}
	if s.optind >= len(word) {
		ind++
		s.optind = 0
	}
	s.assign("OPTIND", itoa(ind))
	s.assign(name, result)
	return 0
}

func validName(name string) bool {
	for i, c := range name {
		if c != '_' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return name != ""
}
