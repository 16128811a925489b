package queue

import (
	"fmt"
	"time"
)

// An Outcome is how a lease ends.
type Outcome string

// The outcomes.
const (
	// Seal: the work is done; the receipt says what was made.
	Seal Outcome = "seal"
	// Release: the worker gives the part back; nothing is counted.
	Release Outcome = "release"
	// Retry: an error that may pass; the part is ready again after Delay.
	Retry Outcome = "retry"
	// Refuse: an error that will not pass; part and job fail.
	Refuse Outcome = "refuse"
	// LeaseOver: nobody renewed; for the sweeper.
	LeaseOver Outcome = "lease-over"
)

// A Finish ends the lease of one part.
type Finish struct {
	Tenant  string
	Job     string
	Number  int
	Fence   int64
	Outcome Outcome

	// Receipt, Rows and Bytes go with Seal.
	Receipt     Payload
	Rows, Bytes int64
	// Planned and RowsPlanned go with the Seal of the plan part: the rows
	// parts to store, numbered from 1, and the rows they expect. The seal part
	// is renumbered to come after them.
	Planned     []Part
	RowsPlanned int64
	// Result, Keep and Notice go with the Seal of the seal part, see [Update].
	Result       Payload
	Keep, Notice time.Duration

	// Reason goes with Retry, Refuse and LeaseOver: why.
	Reason Payload
	// Delay goes with Retry and Release: not before so long from now.
	Delay time.Duration
	// MaxCrashes goes with LeaseOver: so many crashes alone fail the job.
	MaxCrashes int
}

// Apply returns job and part after the lease has ended so: the one place that
// knows what an outcome means. It returns an error that wraps [ErrFenced] when
// the lease is not held under the fence, when the job is not active, or, for
// LeaseOver, when the lease is not over; and one that wraps [ErrBadTransition]
// for an outcome that it does not know. On an error job and part are as they
// were.
//
// The store then writes both, stores [Finish.PlannedParts] when the sealed part was
// the plan, and cancels the other open parts when the job is no longer active.
func (f Finish) Apply(j Job, p Part, now time.Time) (Job, Part, error) {
	if err := p.held(f.Fence); err != nil {
		return j, p, err
	}
	if !j.State.Active() {
		return j, p, fmt.Errorf("queue: job %s is %s: %w", j.ID, j.State, ErrFenced)
	}
	if f.Outcome == LeaseOver && now.Before(p.LeaseUntil) {
		return j, p, fmt.Errorf("queue: the lease of part %d of job %s is not over: %w", p.Number, p.Job, ErrFenced)
	}
	before, was := j, p
	p.LeaseUntil, p.NotBefore = time.Time{}, time.Time{}
	var err error
	switch f.Outcome {
	case Seal:
		j, p, err = f.seal(j, p, now)
	case Release:
		p.State, p.Rows, p.Bytes = Ready, 0, 0
		if f.Delay > 0 {
			p.NotBefore = after(now, f.Delay)
		}
	case Retry:
		p.State, p.Rows, p.Bytes = Ready, 0, 0
		p.Failures++
		p.NotBefore, p.Reason = after(now, f.Delay), f.Reason
	case Refuse:
		p.State, p.Reason = PartFailed, f.Reason
		j, err = j.Apply(Update{Event: Fail, Reason: f.Reason}, now)
	case LeaseOver:
		j, p, err = f.lost(j, p, now)
	default:
		err = fmt.Errorf("queue: outcome %q: %w", f.Outcome, ErrBadTransition)
	}
	if err != nil {
		return before, was, err
	}
	if j.Version == before.Version {
		j.Version++
	}
	return j, p, nil
}

func (f Finish) seal(j Job, p Part, now time.Time) (Job, Part, error) {
	p.State, p.Receipt, p.Rows, p.Bytes, p.Suspect = Sealed, f.Receipt, f.Rows, f.Bytes, false
	j.PartsSealed++
	j.Crashes = 0
	var err error
	switch p.Kind {
	case PlanPart:
		j, err = j.Apply(Update{Event: Plan, Parts: len(f.Planned) + 2, RowsPlanned: f.RowsPlanned}, now)
	case SealPart:
		j, err = j.Apply(Update{Event: Complete, Result: f.Result, Keep: f.Keep, Notice: f.Notice}, now)
	}
	return j, p, err
}

func (f Finish) lost(j Job, p Part, now time.Time) (Job, Part, error) {
	p.State, p.Suspect, p.Rows, p.Bytes = Ready, true, 0, 0
	if !p.Alone {
		return j, p, nil
	}
	j.Crashes++
	if j.Crashes < f.MaxCrashes {
		return j, p, nil
	}
	p.State, p.Reason = PartFailed, f.Reason
	var err error
	j, err = j.Apply(Update{Event: Fail, Reason: f.Reason}, now)
	return j, p, err
}
