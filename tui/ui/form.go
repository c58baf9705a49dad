package ui

import (
	"strings"
)

// FieldKind is how a field is filled in.
type FieldKind uint8

// The kinds of fields.
const (
	TextField   FieldKind = iota
	NumberField           // digits only
	SelectField           // one of Options
	ToggleField           // yes or no
	FoldField             // shows or hides the fields after it, up to the next fold or button
	ButtonField           // pressed with enter
)

// Option is a choice of a SelectField.
type Option struct{ Value, Label string }

// Field is one row of a Form.
type Field struct {
	Key      string
	Label    string
	Kind     FieldKind
	Input    Input
	Options  []Option
	Choice   int  // of Options
	On       bool // of a toggle or fold
	Unit     string
	Default  string      // shown muted while a text is empty
	Help     string      // shown while the field has the focus and nothing is wrong
	Note     string      // what is right about it: "free"
	Problem  string      // what is wrong with it
	Hint     string      // the way out
	Disabled string      // why a button cannot be pressed
	Matters  func() bool // whether it is asked for now; nil = always
	Hidden   bool
}

// Value is what the field holds now.
func (f *Field) Value() string {
	switch f.Kind {
	case SelectField:
		if f.Choice >= 0 && f.Choice < len(f.Options) {
			return f.Options[f.Choice].Value
		}
		return ""
	case ToggleField:
		if f.On {
			return "true"
		}
		return "false"
	}
	return f.Input.Value()
}

// Choose selects the option with that value.
func (f *Field) Choose(value string) {
	for i, o := range f.Options {
		if o.Value == value {
			f.Choice = i
		}
	}
}

// typed reports whether the field takes text.
func (f *Field) typed() bool { return f.Kind == TextField || f.Kind == NumberField }

// Form is fields one under the other, buttons in a row at the end.
type Form struct {
	Fields []*Field
	at     int
	top    int
}

// Focus is the field that has the focus.
func (f *Form) Focus() *Field { return f.Fields[f.at] }

// Typing reports whether keys are text now.
func (f *Form) Typing() bool { return f.Focus().typed() }

// Field finds a field by key, nil if there is none.
func (f *Form) Field(key string) *Field {
	for _, x := range f.Fields {
		if x.Key == key {
			return x
		}
	}
	return nil
}

// Go puts the focus on a field, opening the fold that hides it.
func (f *Form) Go(key string) bool {
	for i, x := range f.Fields {
		if x.Key != key {
			continue
		}
		if !x.matters() {
			return false
		}
		for j := i; x.Hidden && j >= 0; j-- {
			if f.Fields[j].Kind == FoldField {
				f.Fields[j].On = true
				f.fold()
			}
		}
		f.at = i
		return true
	}
	return false
}

// fold hides what a closed fold hides, and what does not matter now.
func (f *Form) fold() {
	hidden := false
	for _, x := range f.Fields {
		switch x.Kind {
		case FoldField:
			hidden = !x.On
			continue
		case ButtonField:
			hidden = false
		}
		x.Hidden = hidden || !x.matters()
	}
}

func (f *Field) matters() bool { return f.Matters == nil || f.Matters() }

// Open prepares the form, or shows anew what its values make matter.
func (f *Form) Open() { f.fold() }

// Step moves the focus by dir fields; false at the end.
func (f *Form) Step(dir int) bool {
	for i := f.at + dir; i >= 0 && i < len(f.Fields); i += dir {
		if !f.Fields[i].Hidden {
			f.at = i
			return true
		}
	}
	return false
}

// Key handles a key: used says that it meant something here, changed that a
// value changed, pressed names a button that was pressed.
func (f *Form) Key(key, text string) (used, changed bool, pressed string) {
	used, changed, pressed = f.key(key, text)
	if changed {
		f.fold()
	}
	return used, changed, pressed
}

func (f *Form) key(key, text string) (used, changed bool, pressed string) {
	x := f.Focus()
	switch key {
	case "tab":
		if !f.Step(1) {
			f.at = 0
		}
		return true, false, ""
	case "shift+tab":
		if !f.Step(-1) {
			f.at = len(f.Fields) - 1
		}
		return true, false, ""
	case "up":
		return f.Step(-1), false, ""
	case "down":
		return f.Step(1), false, ""
	}
	if x.typed() {
		if key == "enter" {
			return f.Step(1), false, ""
		}
		if x.Kind == NumberField && text != "" && strings.Trim(text, "0123456789") != "" {
			return false, false, ""
		}
		before := x.Input.Value()
		used = x.Input.Key(key, text)
		return used, before != x.Input.Value(), ""
	}
	switch x.Kind {
	case SelectField:
		n := len(x.Options)
		switch {
		case n == 0:
		case key == "left":
			x.Choice = (x.Choice + n - 1) % n
			return true, n > 1, ""
		case key == "right" || key == "space":
			x.Choice = (x.Choice + 1) % n
			return true, n > 1, ""
		case key == "enter":
			return f.Step(1), false, ""
		}
	case ToggleField:
		if key == "space" || key == "left" || key == "right" {
			x.On = !x.On
			return true, true, ""
		}
		if key == "enter" {
			return f.Step(1), false, ""
		}
	case FoldField:
		if key == "space" || key == "enter" || key == "left" || key == "right" {
			x.On = !x.On
			f.fold()
			return true, false, ""
		}
	case ButtonField:
		switch key {
		case "enter", "space":
			return true, false, x.Key
		case "left":
			return f.Step(-1), false, ""
		case "right":
			return f.Step(1), false, ""
		}
	}
	return false, false, ""
}

// Paste puts text into the field that has the focus.
func (f *Form) Paste(s string) bool {
	x := f.Focus()
	if !x.typed() {
		return false
	}
	if x.Kind == NumberField {
		s = strings.TrimSpace(s)
		if strings.Trim(s, "0123456789") != "" {
			return false
		}
	}
	used := x.Input.Insert(s)
	f.fold()
	return used
}

// Lines draws the form into w cells and at most h lines: labels, fields, and
// what is to say about each, beside it where there is room (side > 0 is that
// column's width) or under it. The cursor is -1, -1 when no text is edited.
func (f *Form) Lines(th *Theme, w, h, side int) (lines []string, cx, cy int) {
	label := 14
	for _, x := range f.Fields {
		if x.Kind != ButtonField && !x.Hidden {
			label = max(label, min(Width(x.Label)+2, 26))
		}
	}
	label = min(label, w/2)
	value := min(44, w-label-6)
	if side > 0 {
		value = max(8, w-label-6-side)
	}
	cx, cy = -1, -1
	focus, buttons := 0, false
	l := th.NewLine(w)
	for i, x := range f.Fields {
		if x.Hidden {
			continue
		}
		on := i == f.at
		if x.Kind == ButtonField {
			if !buttons {
				lines = append(lines, "")
				l.Reset(w)
				l.Space(2)
				buttons = true
			}
			if on {
				focus = len(lines)
			}
			f.button(l, x, on)
			if i == len(f.Fields)-1 {
				lines = append(lines, l.String())
			}
			continue
		}
		if on {
			focus = len(lines)
		}
		l.Reset(w)
		l.Space(2)
		role := Muted
		if on {
			role = Strong
		}
		if x.Kind == FoldField {
			mark := "▸ "
			if x.On {
				mark = "▼ "
			}
			l.Cell(role, mark+x.Label, label)
			if on {
				l.Add(Accent, Bar)
			}
			if side > 0 {
				l.To(2+label+1+value+1).Add(Track, "│")
			}
			lines = append(lines, l.String())
			continue
		}
		l.Cell(role, x.Label, label)
		if on {
			l.Add(Accent, Bar)
		} else {
			l.Space(1)
		}
		start := l.W()
		switch x.Kind {
		case TextField, NumberField:
			c := f.text(l, x, on, value)
			if on {
				cx, cy = start+c, len(lines)
			}
		case SelectField:
			s := ""
			if x.Choice < len(x.Options) {
				s = x.Options[x.Choice].Label
			}
			s = Cut(s, value-2)
			if on {
				l.Add(Accent, s)
			} else {
				l.Add(Text, s)
			}
			l.Space(1).Add(Muted, Down)
		case ToggleField:
			s := "[ ] no"
			if x.On {
				s = "[x] yes"
			}
			l.Add(Text, s)
		}
		says, how := f.says(x, on)
		if side > 0 {
			l.To(start + value + 1)
			l.Add(Track, "│ ").Add(how, Cut(says, side-2))
			lines = append(lines, l.String())
			if x.Problem != "" && x.Hint != "" && on {
				l.Reset(w)
				l.To(start+value+1).Add(Track, "│ ").Space(2).Add(Muted, Cut(x.Hint, side-4))
				lines = append(lines, l.String())
			}
			continue
		}
		lines = append(lines, l.String())
		if says != "" && (on || x.Problem != "") {
			l.Reset(w)
			l.Space(4).Add(how, says)
			if x.Problem != "" && x.Hint != "" {
				l.Add(Muted, " · "+x.Hint)
			}
			lines = append(lines, l.String())
		}
	}
	return f.scroll(lines, focus, h, cx, cy)
}

// scroll keeps the focused row and what is said under it in view.
func (f *Form) scroll(lines []string, focus, h, cx, cy int) ([]string, int, int) {
	if focus < f.top {
		f.top = max(0, focus-1)
	}
	if last := min(focus+1, len(lines)-1); last >= f.top+h {
		f.top = last - h + 1
	}
	f.top = max(0, min(f.top, len(lines)-h))
	lines = lines[f.top:min(len(lines), f.top+h)]
	if cy >= 0 {
		cy -= f.top
	}
	return lines, cx, cy
}

func (f *Form) text(l *Line, x *Field, on bool, width int) int {
	if x.Input.Value() == "" && x.Default != "" && !on {
		l.Add(Muted, Cut(x.Default, width))
		if x.Unit != "" {
			l.Space(1).Add(Muted, x.Unit)
		}
		return 0
	}
	room := width
	if x.Unit != "" {
		room = min(width-len(x.Unit)-1, max(len(x.Default), len(x.Input.Value()))+1)
	}
	if x.Input.Value() == "" && x.Default != "" {
		l.Cell(Muted, x.Default, room)
	} else if c := x.Input.Draw(l, Text, room); on {
		if x.Unit != "" {
			l.Space(1).Add(Muted, x.Unit)
		}
		return c
	}
	if x.Unit != "" {
		l.Space(1).Add(Muted, x.Unit)
	}
	return 0
}

// says is what is to be said about a field now.
func (f *Form) says(x *Field, on bool) (string, Role) {
	switch {
	case x.Problem != "":
		return Cross + " " + x.Problem, Error
	case x.Note != "":
		return Check + " " + x.Note, OK
	case on || x.Kind == SelectField:
		return x.Help, Muted
	}
	return "", Muted
}

func (f *Form) button(l *Line, x *Field, on bool) {
	s := "[ " + x.Label + " ]"
	switch {
	case on:
		l.Add(Selected, s)
	case x.Disabled != "":
		l.Add(Muted, s)
	default:
		l.Add(Text, s)
	}
	l.Space(2)
}
