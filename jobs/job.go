package jobs

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"proximity/store"
)

// State is where a job stands.
type State string

// The states; next says which may follow which.
const (
	Queued    State = "queued"
	Running   State = "running"
	Waiting   State = "waiting" // until RetryAt, or for what WaitingFor says
	Undoing   State = "undoing" // it failed or was cancelled, and what it made is being removed
	Succeeded State = "succeeded"
	Failed    State = "failed"
	Cancelled State = "cancelled"
)

// next says which state may follow which. A job may always stay in its state.
var next = map[State][]State{
	Queued:  {Running, Waiting, Failed, Cancelled},
	Running: {Waiting, Undoing, Succeeded, Failed, Cancelled},
	Waiting: {Running, Undoing, Succeeded, Failed, Cancelled}, // Succeeded: a look while waiting found all done
	Undoing: {Failed, Cancelled},
}

func (s State) mayBecome(to State) bool { return s == to || slices.Contains(next[s], to) }

// Ended reports whether nothing will happen to the job any more.
func (s State) Ended() bool { return s == Succeeded || s == Failed || s == Cancelled }

// Level is the weight of a log line.
type Level string

// The levels.
const (
	Info    Level = "info"
	Warning Level = "warning"
	Error   Level = "error"
)

// Job is a picture of one job. It is a copy: changing it changes nothing.
type Job struct {
	ID           uint64   `json:"id"`
	Kind         string   `json:"kind"`
	Subject      string   `json:"subject,omitempty"`       // what it is about ("app/12"); one live job per subject
	SubjectTitle string   `json:"subject_title,omitempty"` // the same for people
	Also         []string `json:"also,omitempty"`          // further subjects, kept from others, too
	LetGo        bool     `json:"let_go,omitempty"`        // those are free again
	Owner        string   `json:"owner,omitempty"`         // who asked for it
	OwnerVia     string   `json:"owner_via,omitempty"`     // and how they came
	Title        string   `json:"title,omitempty"`

	State      State       `json:"state"`
	Step       int         `json:"step"` // index into Steps of the current one: being done, waited for or undone
	Steps      []StepState `json:"steps"`
	Attempt    int         `json:"attempt,omitempty"` // failed attempts of the current step, or of undoing it
	RetryAt    time.Time   `json:"retry_at,omitzero"`
	WaitingFor string      `json:"waiting_for,omitempty"`
	Failure    *Failure    `json:"failure,omitempty"`
	CancelBy   string      `json:"cancel_by,omitempty"` // who asked to cancel it

	Created time.Time `json:"created"`
	Started time.Time `json:"started,omitzero"`
	Ended   time.Time `json:"ended,omitzero"`

	Progress float64         `json:"progress"`       // of the whole job, 0..1
	Note     string          `json:"note,omitempty"` // of the current step
	Data     json.RawMessage `json:"data,omitempty"`
}

// Queues reports whether the job waits for nothing but its turn: a place that others have.
func (j Job) Queues() bool { return strings.HasPrefix(j.WaitingFor, placeText) }

// StepStateKind is where a step stands.
type StepStateKind string

// The states of a step.
const (
	StepPending StepStateKind = "pending"
	StepRunning StepStateKind = "running"
	StepDone    StepStateKind = "done"
	StepUndone  StepStateKind = "undone"
	StepSkipped StepStateKind = "skipped" // the job turned back before it began
	StepFailed  StepStateKind = "failed"  // it, or undoing it, failed or was cancelled
)

// began reports whether the step may have had an effect that is still there.
func (k StepStateKind) began() bool { return k == StepRunning || k == StepDone || k == StepFailed }

// StepState is a picture of one step of a job.
type StepState struct {
	Name     string        `json:"name"`
	Title    string        `json:"title"`
	State    StepStateKind `json:"state"`
	Started  time.Time     `json:"started,omitzero"`
	Ended    time.Time     `json:"ended,omitzero"`
	Progress float64       `json:"progress,omitempty"` // 0..1
	Note     string        `json:"note,omitempty"`
}

// Failure says why a job failed.
type Failure struct {
	Step string `json:"step"`           // name of the step
	Text string `json:"text"`           // what went wrong
	Hint string `json:"hint,omitempty"` // what to do about it
	Left string `json:"left,omitempty"` // what is left behind because undoing could not finish
}

// LogLine is one line of a job's log. Seq rises from 1 within the job.
type LogLine struct {
	Job   uint64    `json:"job"`
	Seq   uint64    `json:"seq"`
	Time  time.Time `json:"time"`
	Level Level     `json:"level"`
	Step  string    `json:"step,omitempty"` // name of the step
	Text  string    `json:"text"`
}

// DataOf decodes the data of a job of a known kind.
func DataOf[D any](j Job) (D, error) {
	var d D
	if len(j.Data) == 0 {
		return d, nil
	}
	if err := json.Unmarshal(j.Data, &d); err != nil {
		return d, fmt.Errorf("data of job %d (%s): %w", j.ID, j.Kind, err)
	}
	return d, nil
}

// Holds are the subjects that no other job may have while this one is unfinished.
func (j Job) Holds() []string {
	if j.LetGo {
		return nonEmpty(j.Subject)
	}
	return append(nonEmpty(j.Subject), j.Also...)
}

// isAbout reports whether the subject is one of the job's.
func (j Job) isAbout(subject string) bool {
	return j.Subject == subject || slices.Contains(j.Also, subject)
}

// copied returns a copy that shares nothing that changes.
func (j Job) copied() Job {
	j.Steps = slices.Clone(j.Steps)
	if j.Failure != nil {
		f := *j.Failure
		j.Failure = &f
	}
	return j
}

const (
	liveIndex    = "live"       // one unfinished job per subject
	openIndex    = "unfinished" // all unfinished ones, under the value "yes"
	subjectIndex = "subject"
	ownerIndex   = "owner"
)

var jobTable = store.NewTable("jobs", func(j Job) string { return store.Key(j.ID) },
	store.UniqueEach(liveIndex, func(j Job) []string {
		if j.State.Ended() {
			return nil
		}
		return j.Holds()
	}),
	store.By(openIndex, func(j Job) []string {
		if j.State.Ended() {
			return nil
		}
		return []string{"yes"}
	}),
	store.By(subjectIndex, func(j Job) []string { return append(nonEmpty(j.Subject), j.Also...) }),
	store.By(ownerIndex, func(j Job) []string { return nonEmpty(j.Owner) }),
)

func nonEmpty(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

var lineTable = store.NewTable("job_lines", func(l LogLine) string { return lineKey(l.Job, l.Seq) })

func lineKey(job, seq uint64) string { return store.Key(job) + store.Key(seq) }
