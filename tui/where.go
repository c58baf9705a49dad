package tui

import (
	"strconv"
	"strings"

	"proximity/core"
	"proximity/tui/ui"
)

// whereIs says where an app's container is.
func whereIs(w *core.World, a *core.AppView) string {
	switch {
	case a.Node == "":
		return "no container yet"
	case a.VMID == 0:
		return "on " + w.Place(a.Host, a.Node)
	}
	return "CT " + strconv.Itoa(a.VMID) + " on " + w.Place(a.Host, a.Node)
}

// placeWidth is how wide a column of nodes must be to tell them apart.
func placeWidth(w *core.World) int {
	widest := 8
	for i := range w.Nodes {
		widest = max(widest, ui.Width(w.Place(w.Nodes[i].Host, w.Nodes[i].Name)))
	}
	return min(widest, 16)
}

// placeCell names a node in a cell. Where that is too narrow the host is cut:
// half a node's name would be another's.
func placeCell(l *ui.Line, r ui.Role, w *core.World, host, node string, width int) {
	place := w.Place(host, node)
	if room := width - ui.Width(node) - 1; ui.Width(place) > width && room > 1 && strings.Contains(place, "/") {
		place = ui.Cut(host, room) + "/" + node
	}
	l.Cell(r, place, width)
}
