package userland

import (
	"strconv"
	"strings"
	"time"

	"proximity/pvesim/machine/unix"
)

func sleep(p *unix.Proc) int {
	var total time.Duration
	for _, arg := range p.Args[1:] {
		d, ok := seconds(arg)
		if !ok {
			return p.Fail("invalid number '%s'", arg)
		}
		total += d
	}
	p.Sleep(total)
	return 0
}

// seconds reads 5, 0.5, 3s, 2m, 1h.
func seconds(text string) (time.Duration, bool) {
	if text == "infinity" {
		return 1 << 62, true
	}
	unit := time.Second
	switch {
	case strings.HasSuffix(text, "s"):
		text = text[:len(text)-1]
	case strings.HasSuffix(text, "m"):
		text, unit = text[:len(text)-1], time.Minute
	case strings.HasSuffix(text, "h"):
		text, unit = text[:len(text)-1], time.Hour
	case strings.HasSuffix(text, "d"):
		text, unit = text[:len(text)-1], 24*time.Hour
	}
	n, err := strconv.ParseFloat(text, 64)
	return time.Duration(n * float64(unit)), err == nil && n >= 0
}

func date(p *unix.Proc) int {
	now := p.K.Now().UTC()
	format := "+%a %b %e %H:%M:%S %Z %Y"
	args := p.Args[1:]
	for i := 0; i < len(args); i++ {
		switch arg := args[i]; {
		case strings.HasPrefix(arg, "+"):
			format = arg
		case arg == "-Iseconds" || arg == "--iso-8601=seconds":
			format = "+%Y-%m-%dT%H:%M:%S+00:00"
		case arg == "-I":
			format = "+%F"
		case (arg == "-d" || arg == "--date") && i+1 < len(args):
			i++
			if n, err := strconv.ParseInt(strings.TrimPrefix(args[i], "@"), 10, 64); err == nil {
				now = time.Unix(n, 0).UTC()
			} else if t, err := time.Parse("2006-01-02 15:04:05", args[i]); err == nil {
				now = t
			} else if args[i] != "now" {
				p.Errf("date: invalid date '%s'\n", args[i])
				return 1
			}
		case arg == "-u":
		case arg == "-R":
			format = "+%a, %d %b %Y %H:%M:%S +0000"
		default:
			p.Errf("date: invalid date '%s'\n", arg)
			return 1
		}
	}
	p.Outf("%s\n", strftime(format[1:], now))
	return 0
}

func strftime(format string, t time.Time) string {
	layouts := map[byte]string{
		'Y': "2006", 'm': "01", 'd': "02", 'e': "_2", 'H': "15", 'M': "04", 'S': "05", 'a': "Mon", 'A': "Monday", 'b': "Jan", 'B': "January",
		'Z': "MST", 'z': "-0700", 'y': "06", 'j': "002", 'F': "2006-01-02", 'T': "15:04:05", 'R': "15:04", 'D': "01/02/06", 'p': "PM", 'I': "03", 'h': "Jan",
		'c': "Mon Jan _2 15:04:05 2006",
	}
	var b strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' || i+1 == len(format) {
			b.WriteByte(format[i])
			continue
		}
		i++
		switch c := format[i]; c {
		case 's':
			b.WriteString(strconv.FormatInt(t.Unix(), 10))
		case 'N':
			b.WriteString(strings.Repeat("0", 9-len(strconv.Itoa(t.Nanosecond()))) + strconv.Itoa(t.Nanosecond()))
		case 'u':
			b.WriteString(strconv.Itoa((int(t.Weekday())+6)%7 + 1))
		case 'n':
			b.WriteByte('\n')
		case '%':
			b.WriteByte('%')
		default:
			if layout, ok := layouts[c]; ok {
				b.WriteString(t.Format(layout))
			} else {
				b.WriteByte('%')
				b.WriteByte(c)
			}
		}
	}
	return b.String()
}
