package row

import (
	"time"

	"github.com/exportyard/exportyard/queue"
)

// A Schedule is a schedule with its runs.
type Schedule struct {
	Schedule queue.Schedule // to be read only
	Runs     []queue.Run    // in order of Number, to be read only
	// firstOpen is the index below which no run waits for the end of its job.
	firstOpen int
}

// NewSchedule returns the row of a new schedule.
func NewSchedule(s queue.Schedule) *Schedule { return &Schedule{Schedule: cloneSchedule(s)} }

// Open returns the runs from the first one on that waits for the end of its job.
func (st *Schedule) Open() []queue.Run {
	for st.firstOpen < len(st.Runs) && st.Runs[st.firstOpen].Outcome != queue.RunStarted {
		st.firstOpen++
	}
	return st.Runs[st.firstOpen:]
}

// Read returns the schedule as a caller sees it.
func (st *Schedule) Read(now time.Time) queue.Schedule {
	s := cloneSchedule(st.Schedule)
	s.Now = now
	return s
}

// Set stores what the schedule became.
func (st *Schedule) Set(s queue.Schedule) { st.Schedule = cloneSchedule(s) }

// AddRun stores its next run.
func (st *Schedule) AddRun(r queue.Run) { st.Runs = append(st.Runs, CloneRun(r)) }

// SetRun stores what the run of this number became.
func (st *Schedule) SetRun(r queue.Run) { st.Runs[r.Number-1] = CloneRun(r) }

func cloneSchedule(s queue.Schedule) queue.Schedule {
	s.Settings, s.Reason = ClonePayload(s.Settings), ClonePayload(s.Reason)
	return s
}

// CloneRun returns a copy that shares no bytes.
func CloneRun(r queue.Run) queue.Run {
	r.Reason = ClonePayload(r.Reason)
	return r
}
