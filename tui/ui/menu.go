package ui

// Item is one line of a Menu.
type Item struct {
	Label  string
	Detail string
	Key    string // the key that does it without the menu
	Reason string // why it cannot be chosen; "" = it can
	Role   Role   // of the label
	Value  any
}

// Menu is a list to choose from, with or without a field that narrows it.
type Menu struct {
	Prompt string // before the field
	Input  *Input // nil: keys are not text
	Items  []Item
	Empty  string // said when there is no item
	at     int
	top    int
	shown  int
}

// Set replaces the items and starts at the top.
func (m *Menu) Set(items []Item) {
	m.Items = items
	m.at, m.top = 0, 0
}

// Move moves the cursor; false at the end.
func (m *Menu) Move(n int) bool {
	to := max(0, min(m.at+n, len(m.Items)-1))
	if to == m.at {
		return false
	}
	m.at = to
	return true
}

// Page moves by n screens.
func (m *Menu) Page(n int) bool { return m.Move(n * max(1, m.shown-1)) }

// Item is the one under the cursor; false when there is none.
func (m *Menu) Item() (Item, bool) {
	if m.at < 0 || m.at >= len(m.Items) {
		return Item{}, false
	}
	return m.Items[m.at], true
}

// Lines draws the field and the items into w cells and h lines, always as many
// as it needs, so that the box does not jump: h is the most. The cursor is -1
// without a field.
func (m *Menu) Lines(th *Theme, w, h int) (lines []string, cursor int) {
	cursor = -1
	l := th.NewLine(w)
	if m.Input != nil {
		l.Add(Accent, m.Prompt)
		cursor = l.W() + m.Input.Draw(l, Text, l.Left())
		lines = append(lines, l.String(), Divider)
		h -= 2
	}
	m.shown = h
	if m.at < m.top {
		m.top = m.at
	}
	if m.at >= m.top+h {
		m.top = m.at - h + 1
	}
	if len(m.Items) == 0 {
		l.Reset(w)
		l.Add(Muted, m.Empty)
		return append(lines, l.String()), cursor
	}
	label, detail := 0, 0
	for _, it := range m.Items[m.top:min(len(m.Items), m.top+h)] {
		label = max(label, Width(it.Label))
		detail = max(detail, Width(it.Detail), Width(it.Reason))
	}
	label = min(label, max(w/2, w-3-detail))
	for i := m.top; i < len(m.Items) && i < m.top+h; i++ {
		l.Reset(w)
		m.row(l, m.Items[i], i == m.at, label)
		lines = append(lines, l.String())
	}
	return lines, cursor
}

func (m *Menu) row(l *Line, it Item, on bool, label int) {
	role, detail := it.Role, it.Detail
	if it.Reason != "" {
		role, detail = Muted, it.Reason
	}
	if on {
		l.Add(Accent, Bar)
		if it.Reason == "" {
			role = Selected
		} else {
			role = Strong
		}
	} else {
		l.Space(1)
	}
	l.Cell(role, it.Label, label).Space(2)
	key := Width(it.Key)
	room := l.Left()
	if key > 0 {
		room -= key + 2
	}
	l.Cell(Muted, detail, max(0, room))
	if key > 0 && l.Left() >= key {
		l.To(l.W() + l.Left() - key)
		l.Add(Key, it.Key)
	}
}
