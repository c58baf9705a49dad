package jobs

import "time"

// The moves a job makes, as changes of its record alone. Whoever commits them adds the world around.

// begin starts step i.
func (j *Job) begin(i int, now time.Time) {
	if j.Started.IsZero() {
		j.Started = now
	}
	j.goOn()
	j.Step, j.Attempt = i, 0
	j.Steps[i].State, j.Steps[i].Started = StepRunning, now
}

// goOn ends any waiting.
func (j *Job) goOn() {
	if j.State != Undoing {
		j.State = Running
	}
	j.RetryAt, j.WaitingFor = time.Time{}, ""
}

// wait has the job wait for something nobody knows the time of.
func (j *Job) wait(reason string) {
	if j.State != Undoing {
		j.State = Waiting
	}
	j.RetryAt, j.WaitingFor = time.Time{}, reason
}

// retry has the job wait until a time.
func (j *Job) retry(at time.Time) {
	if j.State != Undoing {
		j.State = Waiting
	}
	j.Attempt++
	j.RetryAt, j.WaitingFor = at, ""
}

// later has the job wait until a time that its step asked for.
func (j *Job) later(at time.Time) {
	j.State, j.RetryAt, j.WaitingFor = Waiting, at, ""
}

// done ends the current step well.
func (j *Job) done(now time.Time) {
	s := &j.Steps[j.Step]
	s.State, s.Ended, s.Progress = StepDone, now, 1
	j.Attempt = 0
}

// turnBack begins to undo: because of failure, or because of a cancel when that is nil. Where there is nothing to
// undo the job ends at once.
func (j *Job) turnBack(failure *Failure, flow *workflow, now time.Time) {
	if s := &j.Steps[j.Step]; s.State == StepRunning {
		s.State, s.Ended = StepFailed, now
		if failure == nil {
			s.Note = "cancelled"
		}
	}
	for i := range j.Steps {
		if j.Steps[i].State == StepPending {
			j.Steps[i].State = StepSkipped
		}
	}
	j.Failure = failure
	j.goOn()
	if !j.undoNext(flow) {
		j.end(now)
		return
	}
	j.State = Undoing
}

// undoNext makes the last step that has something to undo the current one, and reports whether there is one.
func (j *Job) undoNext(flow *workflow) bool {
	for i := len(j.Steps) - 1; i >= 0; i-- {
		if j.Steps[i].State.began() && flow.steps[i].undo != nil {
			j.Step, j.Attempt = i, 0
			return true
		}
	}
	return false
}

// undone records that the current step is undone, and ends the job when it was the last one.
func (j *Job) undone(flow *workflow, now time.Time) {
	s := &j.Steps[j.Step]
	s.State, s.Ended = StepUndone, now
	j.goOn()
	if !j.undoNext(flow) {
		j.end(now)
	}
}

// leave ends a job whose current step cannot be undone. What came before it is not undone either: it may be what the
// leftover stands on.
func (j *Job) leave(text, hint string, now time.Time) {
	s := &j.Steps[j.Step]
	s.State, s.Ended = StepFailed, now
	if j.Failure == nil {
		j.Failure = &Failure{Step: s.Name, Text: "could not be undone after it was cancelled", Hint: hint}
	} else if j.Failure.Hint == "" {
		j.Failure.Hint = hint
	}
	j.Failure.Left = s.Title + ": " + text
	j.end(now)
}

// end ends the job: well when all steps are done, else by what turned it back.
func (j *Job) end(now time.Time) {
	switch {
	case j.Failure != nil:
		j.State = Failed
	case j.CancelBy != "":
		j.State = Cancelled
	default:
		j.State = Succeeded
	}
	j.RetryAt, j.WaitingFor, j.Note = time.Time{}, "", ""
	j.Ended = now
}

// align fits the record to the steps its workflow has now, which after an update of the program may be others.
func (j *Job) align(flow *workflow) {
	same := len(j.Steps) == len(flow.steps)
	for i := 0; same && i < len(flow.steps); i++ {
		same = j.Steps[i].Name == flow.steps[i].name
	}
	if same {
		return
	}
	known := map[string]StepState{}
	for _, s := range j.Steps {
		known[s.Name] = s
	}
	current := ""
	if j.Step < len(j.Steps) {
		current = j.Steps[j.Step].Name
	}
	fitted := flow.pending()
	j.Step = -1
	for i := range fitted {
		if old, ok := known[fitted[i].Name]; ok {
			old.Title = fitted[i].Title
			fitted[i] = old
		}
		if fitted[i].Name == current {
			j.Step = i
		}
	}
	for i := 0; j.Step < 0 && i < len(fitted); i++ {
		if fitted[i].State != StepDone {
			j.Step = i
		}
	}
	j.Step = max(j.Step, 0)
	for i := range j.Step {
		if fitted[i].State == StepPending {
			fitted[i].State = StepSkipped // it came too late
		}
	}
	j.Steps = fitted
}

// progress is the share of the work that is done, by the steps' weights.
func (j *Job) progress(flow *workflow) float64 {
	if j.State == Succeeded {
		return 1
	}
	var whole, done float64
	for i, s := range j.Steps {
		weight := 1.0
		if flow != nil && i < len(flow.steps) {
			weight = flow.steps[i].weight
		}
		whole += weight
		switch s.State {
		case StepDone:
			done += weight
		case StepRunning, StepFailed, StepUndone:
			done += weight * s.Progress
		}
	}
	if whole == 0 {
		return 0
	}
	return done / whole
}
