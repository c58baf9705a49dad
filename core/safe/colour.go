package safe

import (
	"strconv"
	"strings"
)

// colours are what a log line may keep of SGR.
type colours struct{ fg, bg colour }

// colour is one of the palette ("5;208"), one of the sixteen million ("2;255;128;0"), or the terminal's own ("").
type colour string

func palette(n int) colour { return colour("5;" + strconv.Itoa(n)) }

// apply follows one SGR sequence; what is not a colour is passed over.
func (c *colours) apply(params string) {
	list := strings.Split(params, ";")
	for i := 0; i < len(list); i++ {
		if sub := strings.Split(list[i], ":"); len(sub) > 1 { // 38:5:208, 38:2::255:128:0: arguments in one parameter
			if len(sub) == 6 && sub[1] == "2" {
				sub = append(sub[:2:2], sub[3:]...) // the colour space, which nobody fills in
			}
			c.extended(sub)
			continue
		}
		n, ok := number(list[i])
		if !ok {
			return
		}
		switch {
		case n == 0:
			*c = colours{}
		case n >= 30 && n <= 37:
			c.fg = palette(n - 30)
		case n >= 90 && n <= 97:
			c.fg = palette(n - 90 + 8)
		case n >= 40 && n <= 47:
			c.bg = palette(n - 40)
		case n >= 100 && n <= 107:
			c.bg = palette(n - 100 + 8)
		case n == 39:
			c.fg = ""
		case n == 49:
			c.bg = ""
		case n == 38, n == 48, n == 58:
			i += c.extended(list[i:])
		}
	}
}

// extended sets a colour by number or by components; it returns how many parameters it took beyond the first.
func (c *colours) extended(p []string) int {
	count := 0
	if len(p) > 1 {
		switch p[1] {
		case "5":
			count = 2
		case "2":
			count = 4
		}
	}
	if count == 0 || len(p) <= count {
		return len(p) // nobody can tell where the next attribute would begin
	}
	value := colour(p[1])
	for _, s := range p[2 : count+1] {
		n, ok := number(s)
		if !ok || n > 255 {
			return count
		}
		value += colour(";" + strconv.Itoa(n))
	}
	switch p[0] {
	case "38":
		c.fg = value
	case "48":
		c.bg = value
	}
	return count
}

// sgr is the sequence that sets these colours and nothing else. A background that would hide the text is left out.
func (c colours) sgr() string {
	params := "0" + c.fg.params(30)
	if c.bg != c.fg {
		params += c.bg.params(40)
	}
	return "\x1b[" + params + "m"
}

// params writes the colour for base 30 (text) or 40 (background), the first sixteen the way every terminal knows.
func (c colour) params(base int) string {
	if c == "" {
		return ""
	}
	if index, ok := strings.CutPrefix(string(c), "5;"); ok {
		switch n, _ := strconv.Atoi(index); {
		case n < 8:
			return ";" + strconv.Itoa(base+n)
		case n < 16:
			return ";" + strconv.Itoa(base+60+n-8)
		}
	}
	return ";" + strconv.Itoa(base+8) + ";" + string(c)
}

// number reads an SGR parameter; an absent one is 0.
func number(s string) (int, bool) {
	if len(s) > 3 {
		return 0, false
	}
	n := 0
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n, true
}
