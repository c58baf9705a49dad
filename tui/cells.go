package tui

import (
	"strconv"

	"proximity/core"
	"proximity/tui/ui"
)

// progressCell is a job's progress in a cell: number, bar and step as they fit.
func progressCell(l *ui.Line, j *core.JobRef, width int) {
	if j.Waiting != "" && width >= 20 {
		l.Cell(ui.Busy, j.Waiting, width)
		return
	}
	bar := min(14, width-6)
	if width >= 24 {
		bar = min(14, max(8, width-32)) // what is being done says more than a longer bar
	}
	if width < 12 {
		l.Right(ui.Text, ui.Percent(j.Progress), width)
		return
	}
	l.Gauge(ui.Chart, j.Progress, bar).Space(1)
	width -= bar + 1
	l.Right(ui.Text, ui.Percent(j.Progress), 4)
	if width -= 4; width > 8 {
		title := j.Title
		if j.Steps > 1 {
			title = strconv.Itoa(j.Step) + "/" + strconv.Itoa(j.Steps) + " " + title
		}
		l.Space(2).Cell(ui.Muted, title, width-2)
	}
}

// nameCell is the cell that shows where the cursor is.
func nameCell(l *ui.Line, name string, width int, selected bool) {
	if selected {
		l.Cell(ui.Selected, name, width)
	} else {
		l.Cell(ui.Text, name, width)
	}
}

// number draws a figure flush right: in ( ) when stale, "–" when unknown.
func number(l *ui.Line, stale, known bool, s string, width int) {
	switch {
	case !known:
		l.Right(ui.Muted, ui.Unknown, width)
	case stale:
		l.Right(ui.Stale, "("+s+")", width)
	default:
		l.Right(ui.Text, s, width)
	}
}

func cpuShare(m *core.Metrics) float64 { return m.CPU }

func percentOf(m *core.Metrics, f func(*core.Metrics) float64) string {
	if m == nil {
		return ""
	}
	return ui.Percent(f(m))
}

func bytesOf(m *core.Metrics) string {
	if m == nil {
		return ""
	}
	return ui.Bytes(m.Mem)
}

func memShare(m *core.Metrics) float64 {
	if m == nil || m.MaxMem <= 0 {
		return 0
	}
	return float64(m.Mem) / float64(m.MaxMem)
}

func diskShare(m *core.Metrics) float64 {
	if m == nil || m.MaxDisk <= 0 {
		return 0
	}
	return float64(m.Disk) / float64(m.MaxDisk)
}
