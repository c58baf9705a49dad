package pvesim

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var upidText = regexp.MustCompile(`\AUPID:([a-zA-Z0-9](?:[a-zA-Z0-9\-]*[a-zA-Z0-9])?):([0-9A-Fa-f]{8}):([0-9A-Fa-f]{8,9}):([0-9A-Fa-f]{8}):([^:\s]+):([^:\s]*):([^:\s]+):\z`)

// row is a task as lists show it.
func (t *task) row() map[string]any {
	row := map[string]any{
		"upid": t.UPID, "node": t.Node, "pid": t.PID, "pstart": t.PStart, "starttime": t.Start, "type": t.Type, "id": t.ID, "user": t.Who.User,
	}
	if t.Who.Token != "" {
		row["tokenid"] = t.Who.Token
	}
	return row
}

// task finds the task of the path and checks that the caller may see it.
func (q *call) task(readable bool) (*task, []string, error) {
	parts := upidText.FindStringSubmatch(q.p["upid"])
	if parts == nil {
		return nil, nil, paramErr("upid", "unable to parse worker upid")
	}
	t := q.tasks.byUPID[q.p["upid"]]
	if t != nil && t.Node != q.node.Name {
		t = nil // each node knows its own
	}
	mine := parts[7] == q.who.String() || t != nil && t.Who.User == q.who.User && q.who.Token == ""
	if readable && !mine && !q.who.root() {
		if err := q.may("/nodes/"+q.node.Name, "Sys.Audit"); err != nil {
			return nil, nil, err
		}
	}
	return t, parts, nil
}

func getTask(*call) (any, error) {
	return []map[string]string{{"name": "status"}, {"name": "log"}}, nil
}

func getTaskStatus(q *call) (any, error) {
	t, _, err := q.task(true)
	if err != nil {
		return nil, err
	}
	if t == nil {
		return nil, paramErr("upid", "no such task")
	}
	row := t.row()
	row["status"] = "running"
	if t.Exit != "" {
		row["status"], row["exitstatus"] = "stopped", t.Exit
	}
	return row, nil
}

func getTaskLog(q *call) (any, error) {
	t, _, err := q.task(true)
	if err != nil {
		return nil, err
	}
	line := func(n int, text string) map[string]any { return map[string]any{"n": n, "t": text} }
	if t == nil {
		return page{[]any{line(1, "unable to open file - No such file or directory")}, map[string]any{"total": 1}}, nil
	}
	if len(t.Log) == 0 {
		return page{[]any{line(1, "no content")}, map[string]any{"total": 1}}, nil
	}
	start, limit := q.number("start"), 50
	if q.has("limit") {
		limit = q.number("limit")
	}
	rows := []map[string]any{}
	for i := start; i < len(t.Log) && (limit == 0 || i < start+limit); i++ {
		rows = append(rows, line(i+1, t.Log[i]))
	}
	return page{rows, map[string]any{"total": len(t.Log)}}, nil
}

func deleteTask(q *call) (any, error) {
	t, parts, err := q.task(false)
	if err != nil {
		return nil, err
	}
	if parts[7] != q.who.String() && !q.who.root() {
		if err := q.may("/nodes/"+q.node.Name, "Sys.Modify"); err != nil {
			return nil, err
		}
	}
	if t == nil {
		return nil, paramErr("upid", "no such task")
	}
	if t.Exit == "" {
		t.killed = true
		t.cancel()
	}
	return nil, nil
}

func getTasks(q *call) (any, error) {
	all := q.may("/nodes/"+q.node.Name, "Sys.Audit") == nil
	source := q.p["source"]
	if source == "" {
		source = "archive"
	}
	var picked []*task
	for _, t := range slices.Backward(q.tasks.order) {
		running := t.Exit == ""
		if t.Node != q.node.Name || !all && t.Who != q.who && !(q.who.Token == "" && t.Who.User == q.who.User) {
			continue
		}
		if source == "archive" && running || source == "active" && !running || !q.filter(t) {
			continue
		}
		picked = append(picked, t)
	}
	slices.SortStableFunc(picked, func(a, b *task) int {
		if (a.Exit == "") != (b.Exit == "") {
			return bit(b.Exit == "") - bit(a.Exit == "")
		}
		return int(b.Start - a.Start)
	})
	start, limit := q.number("start"), 50
	if q.has("limit") {
		limit = q.number("limit")
	}
	rows := []map[string]any{}
	for i := start; i < len(picked) && (limit == 0 || i < start+limit); i++ {
		t := picked[i]
		row := t.row()
		if t.Exit == "" {
			row["status"], row["user"] = "RUNNING", t.Who.String()
			delete(row, "tokenid")
		} else {
			row["status"], row["endtime"] = t.Exit, t.End
		}
		rows = append(rows, row)
	}
	return page{rows, map[string]any{"total": len(picked)}}, nil
}

// filter says whether a task passes the filters of a listing.
func (q *call) filter(t *task) bool {
	since, until := int64(q.number("since")), int64(q.number("until"))
	failed := t.Exit != "" && t.Exit != "OK" && !strings.HasPrefix(t.Exit, "WARNINGS")
	switch {
	case q.has("vmid") && t.ID != q.p["vmid"] && !strings.HasPrefix(t.ID, q.p["vmid"]+"@"),
		q.has("typefilter") && t.Type != q.p["typefilter"],
		q.has("userfilter") && !strings.Contains(t.Who.String(), q.p["userfilter"]),
		q.has("since") && t.Start < since,
		q.has("until") && t.Start > until,
		q.flag("errors") && !failed:
		return false
	}
	if !q.has("statusfilter") {
		return true
	}
	kind := "ok"
	switch {
	case strings.HasPrefix(t.Exit, "WARNINGS"):
		kind = "warning"
	case t.Exit == exitUnexpected || t.Exit == "":
		kind = "unknown"
	case failed:
		kind = "error"
	}
	return slices.Contains(strings.Split(q.p["statusfilter"], ","), kind)
}

// finishedShown is how many finished tasks of a node the cluster's list has.
const finishedShown = 25

func getClusterTasks(q *call) (any, error) {
	all := q.may("/", "Sys.Audit") == nil
	finished := map[string]int{}
	rows := []map[string]any{}
	for _, t := range slices.Backward(q.tasks.order) {
		// Proxmox: the token is stripped from the task before it is compared, so a token never owns one.
		if !all && t.Who.User != q.who.String() {
			continue
		}
		row := t.row()
		delete(row, "pid")
		delete(row, "pstart")
		if t.Exit != "" {
			if finished[t.Node]++; finished[t.Node] > finishedShown {
				continue
			}
			row["status"], row["endtime"], row["saved"] = t.Exit, t.End, "1"
		} else {
			row["pid"], row["pstart"] = t.PID, t.PStart
			row["saved"] = "0"
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// vmidText is a guest's id as task ids have it.
func vmidText(vmid int) string { return strconv.Itoa(vmid) }
