package pve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestUPIDs(t *testing.T) {
	for _, tt := range []struct {
		upid UPID
		want UPIDParts
		vmid int
	}{
		{"UPID:pve1:0000014A:00035C8C:6B03C4D8:vzstart:100:root@pam!realpve:",
			UPIDParts{"pve1", 0x14A, 0x35C8C, time.Unix(0x6B03C4D8, 0), "vzstart", "100", "root@pam!realpve"}, 100},
		{"UPID:n-1:0000014A:123456789:6B03C4D8:imgdel:101@local:app@pve:",
			UPIDParts{"n-1", 0x14A, 0x123456789, time.Unix(0x6B03C4D8, 0), "imgdel", "101@local", "app@pve"}, 0},
		{"UPID:pve1:0000014A:00035C8C:6B03C4D8:imgcopy::root@pam:",
			UPIDParts{"pve1", 0x14A, 0x35C8C, time.Unix(0x6B03C4D8, 0), "imgcopy", "", "root@pam"}, 0},
	} {
		got, err := ParseUPID(tt.upid)
		if err != nil || got != tt.want || got.VMID() != tt.vmid {
			t.Errorf("%s: %+v, %v", tt.upid, got, err)
		}
	}
	for _, bad := range []UPID{"", "OK", "UPID:pve1:0000014A:00035C8C:6B03C4D8:vzstart:100:root@pam", "UPID:pve/1:0000014A:00035C8C:6B03C4D8:vzstart:100:root@pam:",
		"UPID:pve1:14A:00035C8C:6B03C4D8:vzstart:100:root@pam:", "UPID:pve1:0000014A:00035C8C:6B03C4D8:vz start:100:root@pam:", "UPID:-a:0000014A:00035C8C:6B03C4D8:x:100:r:"} {
		if got, err := ParseUPID(bad); err == nil {
			t.Errorf("%q was taken for %+v", bad, got)
		}
	}
}

func FuzzParseUPID(f *testing.F) {
	f.Add("UPID:pve1:0000014A:00035C8C:6B03C4D8:vzstart:100:root@pam!realpve:")
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParseUPID(UPID(s))
		if err != nil {
			return
		}
		again := fmt.Sprintf("UPID:%s:%08X:%08X:%08X:%s:%s:%s:", p.Node, p.PID, p.PStart, p.Start.Unix(), p.Type, p.ID, p.User)
		if q, err := ParseUPID(UPID(again)); err != nil || q != p {
			t.Errorf("%q came back as %q", s, again)
		}
	})
}

func TestTasksOfBothSourcesOnce(t *testing.T) {
	f := newFake(t)
	u := func(n int) string {
		return fmt.Sprintf("UPID:pve1:0000000%d:00035C8C:6B03C4D%d:vzcreate:100:app@pve!tok:", n, n)
	}
	f.on("GET /nodes/pve1/tasks", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("source") == "active" {
			reply(w, 200, "OK", `{"data":[{"upid":"`+u(2)+`","node":"pve1","type":"vzcreate","id":"100","user":"app@pve!tok","starttime":1795409114,"status":"RUNNING"},
				{"upid":"`+u(3)+`","node":"pve1","type":"vzcreate","id":"100","user":"app@pve!tok","starttime":"1795409115","status":"RUNNING"}]}`)
			return
		}
		// task 2 has ended in between
		reply(w, 200, "OK", `{"total":2,"data":[{"upid":"`+u(2)+`","node":"pve1","type":"vzcreate","id":"100","user":"app@pve","tokenid":"tok","starttime":1795409114,"endtime":1795409120,"status":"OK"},
			{"upid":"`+u(1)+`","node":"pve1","type":"vzcreate","id":"100","user":"app@pve","tokenid":"tok","starttime":1795409112,"endtime":1795409113,"status":"unable to create CT 100 - x"}]}`)
	})
	got, err := f.client(t, Config{}).Tasks(testContext(t), "pve1", TaskFilter{VMID: 100, Type: "vzcreate", Since: time.Unix(1795409000, 0)})
	task := func(n int, start int64) Task {
		return Task{UPID: UPID(u(n)), Node: "pve1", Type: "vzcreate", ID: "100", User: "app@pve!tok", Start: time.Unix(start, 0)}
	}
	want := []Task{task(3, 1795409115), task(2, 1795409114), task(1, 1795409112)}
	want[0].Running = true
	want[1].Exit, want[1].End = "OK", time.Unix(1795409120, 0)
	want[2].Exit, want[2].End = "unable to create CT 100 - x", time.Unix(1795409113, 0)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v, %v\nwant\n%+v", got, err, want)
	}
	q, _ := url.ParseQuery(f.requests("")[1].query)
	for key, want := range map[string]string{"source": "archive", "vmid": "100", "typefilter": "vzcreate", "since": "1795409000", "limit": "500"} {
		if q.Get(key) != want {
			t.Errorf("%s is %q, want %q", key, q.Get(key), want)
		}
	}
}

// fakeTask is a task of a fake: it runs for some looks at its status, its log growing by a line with each.
type fakeTask struct {
	mu    sync.Mutex
	looks int
	lines []string
	exit  string
}

const taskPath = "/nodes/pve1/tasks/UPID:pve1:0000014A:00035C8C:6B03C4D8:vzstart:100:root@pam:"

func (f *fakePVE) task(lines []string, exit string) *fakeTask {
	task := &fakeTask{lines: lines, exit: exit}
	f.on("GET "+taskPath+"/status", func(w http.ResponseWriter, _ *http.Request) {
		task.mu.Lock()
		defer task.mu.Unlock()
		task.looks++
		if task.looks < len(task.lines) {
			reply(w, 200, "OK", `{"data":{"status":"running"}}`)
			return
		}
		reply(w, 200, "OK", fmt.Sprintf(`{"data":{"status":"stopped","exitstatus":%q}}`, task.exit))
	})
	f.on("GET "+taskPath+"/log", func(w http.ResponseWriter, r *http.Request) {
		task.mu.Lock()
		defer task.mu.Unlock()
		start, _ := strconv.Atoi(r.URL.Query().Get("start"))
		limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
		written := task.lines[:min(max(0, task.looks-1), len(task.lines))]
		if task.looks >= len(task.lines) {
			written = task.lines
		}
		if len(written) == 0 {
			reply(w, 200, "OK", `{"data":[{"n":1,"t":"no content"}],"total":1}`)
			return
		}
		var rows []string
		for i := start; i < min(len(written), start+limit); i++ {
			rows = append(rows, fmt.Sprintf(`{"t":%q,"n":%d}`, written[i], i+1))
		}
		reply(w, 200, "OK", `{"data":[`+strings.Join(rows, ",")+`]}`)
	})
	return task
}

func TestWaitTellsEveryLineOnce(t *testing.T) {
	long := []string{"starting"}
	for i := range 1200 { // more than two pages at the last look
		long = append(long, fmt.Sprint("line ", i))
	}
	for name, lines := range map[string][]string{
		"short":   {"TASK OK"},
		"several": {"extracting archive", "Total bytes read: 1", "done", "TASK OK"},
		"long":    append(long, "TASK OK"),
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			task := f.task(lines, "OK")
			task.looks = max(0, len(lines)-5)
			var got []string
			if err := f.client(t, Config{}).Wait(testContext(t), someUPID, func(l string) { got = append(got, l) }); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, lines) {
				t.Errorf("got %d lines, want %d", len(got), len(lines))
			}
		})
	}
}

func TestWaitForWarnings(t *testing.T) {
	f := newFake(t)
	f.task([]string{"WARN: x", "TASK WARNINGS: 2"}, "WARNINGS: 2")
	if err := f.client(t, Config{}).Wait(testContext(t), someUPID, nil); err != nil {
		t.Error(err)
	}
}

// go-proxmox's Wait returns nil for these.
func TestAFailedTaskIsAnError(t *testing.T) {
	for _, tt := range []struct {
		exit string
		log  []string
		kind error
	}{
		{"unable to create CT 130 - CT 130 already exists on node 'pve1'", nil, ErrExists},
		{"CT is locked (backup)", nil, ErrLocked},
		{"you can't start a CT if it's a template", nil, ErrTask},
		{"bridge 'nosuch' does not exist", nil, ErrParameter},
		{"snapshot feature is not available", nil, ErrUnsupported},
		{"unable to create CT 110 - volume 'local:vztmpl/none.tar.xz' does not exist", nil, ErrNotFound},
		{"unexpected status", nil, ErrTaskLost},
		{"job errors", []string{"INFO: starting", "ERROR: Backup of VM 100 failed - write error: No space left on device", "INFO: Failed at 2026"}, ErrNoSpace},
		{"job errors", []string{"INFO: CT 100 is not running, but this is no complaint"}, ErrTask},
		{"startup for container '100' failed", []string{"lxc_start: Failed to run: no such thing"}, ErrTask},
		{"WARNINGS: many", nil, ErrTask},
		{"received interrupt", nil, ErrTask},
	} {
		f := newFake(t)
		f.task(append(tt.log, "TASK ERROR: "+tt.exit), tt.exit)
		err := f.client(t, Config{}).Wait(testContext(t), someUPID, nil)
		var failed *TaskError
		if !errors.As(err, &failed) || !errors.Is(err, tt.kind) || !IsTaskFailure(err) {
			t.Errorf("%q: got %v of kind %v, want %v", tt.exit, err, errors.Unwrap(err), tt.kind)
			continue
		}
		if failed.Exit != tt.exit || failed.UPID != someUPID || failed.Log[len(failed.Log)-1] != "TASK ERROR: "+tt.exit {
			t.Errorf("got %+v", failed)
		}
		reason := tt.exit
		if tt.kind == ErrNoSpace { // vzdump's log says more than its exit status
			reason = "write error: No space left on device"
		}
		want := "vzstart 100 on pve1 failed: " + reason
		if tt.kind == ErrTaskLost { // whose reason is no reason
			want = "vzstart 100 on pve1 was cut off: its node went down meanwhile, or somebody ended it there"
		}
		if err.Error() != want {
			t.Errorf("got %q, want %q", err, want)
		}
	}
}

func TestWaitSurvivesAnInterruption(t *testing.T) {
	for name, trouble := range map[string]http.HandlerFunc{
		"595":  func(w http.ResponseWriter, _ *http.Request) { reply(w, 595, "Connection refused", "") },
		"596":  func(w http.ResponseWriter, _ *http.Request) { reply(w, 596, "Connection timed out", "") },
		"drop": cut,
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.task([]string{"one", "two", "TASK OK"}, "OK")
			f.mu.Lock()
			healthy := f.routes["GET "+taskPath+"/status"]
			f.mu.Unlock()
			var asked int
			f.on("GET "+taskPath+"/status", func(w http.ResponseWriter, r *http.Request) {
				if asked++; asked == 2 || asked == 3 {
					trouble(w, r)
					return
				}
				healthy(w, r)
			})
			var got []string
			if err := f.client(t, Config{}).Wait(testContext(t), someUPID, func(l string) { got = append(got, l) }); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, []string{"one", "two", "TASK OK"}) {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestWaitEndsWithItsContext(t *testing.T) {
	f := newFake(t)
	f.data("GET "+taskPath+"/status", `{"status":"running"}`)
	ctx, cancel := context.WithCancel(testContext(t))
	c := f.client(t, Config{TaskPoll: time.Hour})
	done := make(chan error)
	go func() { done <- c.Wait(ctx, someUPID, nil) }()
	eventually(t, "the task is looked at", func() bool { return len(f.requests("")) == 1 })
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) || IsTaskFailure(err) {
		t.Errorf("got %v", err)
	}
	if n := len(f.requests("DELETE " + taskPath)); n != 0 {
		t.Error("the task was stopped")
	}
}

func TestWaitForATaskNobodyKnows(t *testing.T) {
	f := newFake(t)
	f.status("GET "+taskPath+"/status", 400, "Parameter verification failed.", `{"data":null,"errors":{"upid":"no such task"}}`)
	if err := f.client(t, Config{}).Wait(testContext(t), someUPID, nil); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v", err)
	}
	if err := f.client(t, Config{}).Wait(testContext(t), "OK", nil); !errors.Is(err, ErrParameter) {
		t.Errorf("got %v", err)
	}
}

func TestStopTask(t *testing.T) {
	f := newFake(t)
	f.data("DELETE "+taskPath, `null`)
	if err := f.client(t, Config{}).StopTask(testContext(t), someUPID); err != nil {
		t.Error(err)
	}
}

// The task itself is not hurt by a host that cannot be asked: after a minute the caller decides.
func TestWaitGivesTheQuestionBackAfterAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := New(Config{URL: "https://10.0.0.1:8006", TokenID: "a@pve!bc", TokenSecret: "d"})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.endpoint().http.Transport.(guard).next.DialContext = func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Err: errors.New("no route to host")}
		}
		started := time.Now()
		if err := c.Wait(t.Context(), someUPID, nil); !errors.Is(err, ErrUnreachable) || IsTaskFailure(err) {
			t.Errorf("got %v", err)
		}
		if took := time.Since(started); took < waitOutage || took > waitOutage+5*time.Second {
			t.Errorf("after %v, want about %v", took, waitOutage)
		}
	})
}
