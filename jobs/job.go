package jobs

import (
	"encoding/json"
	"fmt"
	"time"
)

// State is where a job stands.
type State string

const (
	Queued    State = "queued"
	Running   State = "running"
	Waiting   State = "waiting" // for RetryAt, or for what WaitingFor says
	Undoing   State = "undoing"
	Succeeded State = "succeeded"
	Failed    State = "failed"
	Cancelled State = "cancelled"
)

// Ended reports whether nothing will happen to the job any more.
func (s State) Ended() bool { return s == Succeeded || s == Failed || s == Cancelled }

// Level is the weight of a log line.
type Level string

const (
	Info    Level = "info"
	Warning Level = "warning"
	Error   Level = "error"
)

// Job is a picture of one job. It is a copy: changing it changes nothing.
type Job struct {
	ID           uint64 `json:"id"`
	Kind         string `json:"kind"`
	Subject      string `json:"subject,omitempty"`       // what it is about ("app/12"); one live job per subject
	SubjectTitle string `json:"subject_title,omitempty"` // the same for people
	Owner        string `json:"owner,omitempty"`         // who asked for it
	OwnerVia     string `json:"owner_via,omitempty"`     // and how they came
	Title        string `json:"title,omitempty"`

	State      State       `json:"state"`
	Step       int         `json:"step"` // index into Steps of the current one
	Steps      []StepState `json:"steps"`
	Attempt    int         `json:"attempt,omitempty"` // failed attempts of the current step, or of undoing it
	RetryAt    time.Time   `json:"retry_at,omitzero"`
	WaitingFor string      `json:"waiting_for,omitempty"`
	Failure    *Failure    `json:"failure,omitempty"`
	CancelBy   string      `json:"cancel_by,omitempty"`

	Created time.Time `json:"created"`
	Started time.Time `json:"started,omitzero"`
	Ended   time.Time `json:"ended,omitzero"`

	Progress float64         `json:"progress"` // of the whole job, 0..1
	Note     string          `json:"note,omitempty"`
	Data     json.RawMessage `json:"data,omitempty"`
}

// StepStateKind is where a step stands.
type StepStateKind string

const (
	StepPending StepStateKind = "pending"
	StepRunning StepStateKind = "running"
	StepDone    StepStateKind = "done"
	StepUndone  StepStateKind = "undone"
	StepSkipped StepStateKind = "skipped" // the job ended before it began
	StepFailed  StepStateKind = "failed"
)

// StepState is a picture of one step of a job.
type StepState struct {
	Name     string        `json:"name"`
	Title    string        `json:"title"`
	State    StepStateKind `json:"state"`
	Started  time.Time     `json:"started,omitzero"`
	Ended    time.Time     `json:"ended,omitzero"`
	Progress float64       `json:"progress,omitempty"`
	Note     string        `json:"note,omitempty"`
}

// Failure says why a job failed.
type Failure struct {
	Step string `json:"step"`           // name of the step
	Text string `json:"text"`           // what went wrong
	Hint string `json:"hint,omitempty"` // what to do about it
	Left string `json:"left,omitempty"` // what is left behind because undoing could not finish
}

// LogLine is one line of a job's log. Seq counts from 1 within the job.
type LogLine struct {
	Job   uint64    `json:"job"`
	Seq   uint64    `json:"seq"`
	Time  time.Time `json:"time"`
	Level Level     `json:"level"`
	Step  string    `json:"step,omitempty"`
	Text  string    `json:"text"`
}

// DataOf decodes the data of a job of a known kind.
func DataOf[D any](j Job) (D, error) {
	var d D
	if err := json.Unmarshal(j.Data, &d); err != nil {
		return d, fmt.Errorf("data of job %d (%s): %w", j.ID, j.Kind, err)
	}
	return d, nil
}
