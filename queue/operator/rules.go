package operator

import (
	"fmt"
	"time"

	"github.com/exportyard/exportyard/queue"
)

// A Requeue makes a part as good as new: who holds it loses it, it waits for no time, and
// neither its errors nor the crashes of its job count any more.
type Requeue struct {
	Tenant string
	Job    string
	Number int
}

// Apply returns job and part after it, or an error that wraps [queue.ErrBadTransition] and
// both as they were when the job is not active or the part has ended.
func (r Requeue) Apply(j queue.Job, p queue.Part) (queue.Job, queue.Part, error) {
	if !j.State.Active() || p.State != queue.Ready && p.State != queue.Leased {
		return j, p, fmt.Errorf("operator: requeue of part %d, which is %s, of job %s, which is %s: %w", p.Number, p.State, j.ID, j.State, queue.ErrBadTransition)
	}
	p.State, p.LeaseUntil, p.NotBefore = queue.Ready, time.Time{}, time.Time{}
	p.Alone, p.Suspect, p.Failures = false, false, 0
	p.Rows, p.Bytes = 0, 0
	j.Crashes = 0
	j.Version++
	return j, p, nil
}

// A Forget removes a job.
type Forget struct {
	Tenant string
	Job    string
	// LeaveFiles also removes a job that is completed: its files stay where they are, and
	// belong to whoever owns that place. Default: false.
	LeaveFiles bool
}

// Apply returns an error that wraps [queue.ErrBadTransition] when the job must stay: it is
// active, held, has files that somebody has yet to remove, or a run of a schedule waits
// for its end to be recorded.
func (f Forget) Apply(j queue.Job, awaited bool) error {
	why := ""
	switch {
	case j.State.Active():
		why = "it is " + string(j.State)
	case j.Held:
		why = "it is held"
	case j.State == queue.Completed && !f.LeaveFiles:
		why = "its files are there"
	case !j.CleanAt.IsZero():
		why = "a cleaning is due"
	case awaited:
		why = "the end of its run is not recorded"
	default:
		return nil
	}
	return fmt.Errorf("operator: forget job %s: %s: %w", j.ID, why, queue.ErrBadTransition)
}
