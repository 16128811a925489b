package queue

import (
	"fmt"
	"time"
)

// An Event is what happens to a job.
type Event string

// The events of a job.
const (
	// Plan: the plan part is sealed; Pending becomes Running. Comes by Finish.
	Plan Event = "plan"
	// Complete: the seal part is sealed; Running becomes Completed. Comes by Finish.
	Complete Event = "complete"
	// Fail: an active job becomes Failed, its open parts canceled.
	Fail Event = "fail"
	// Cancel: an active job becomes Canceled, its open parts too.
	Cancel Event = "cancel"
	// Retire: a Completed job's ExpiresAt is now, if it was not before: from
	// here on no file is handed out.
	Retire Event = "retire"
	// Expire: a Completed job that is past ExpiresAt, and whose files are gone,
	// becomes Expired.
	Expire Event = "expire"
	// Clean: a cleaning pass over a job that is not active has ended; the next is due in
	// Update.Again, or never when that is 0.
	Clean Event = "clean"
	// Hold: what the job has stored stays until Unhold: it is not retired, expired or
	// cleaned. Its clocks go on. Of a Completed job that is past ExpiresAt the files may be
	// going already, and of one that has ended otherwise there are none: too late.
	Hold Event = "hold"
	// Unhold: a job is held no more. What became due meanwhile is due now.
	Unhold Event = "unhold"
	// Notice: it was told, or was too late to tell, that a Completed job will expire.
	Notice Event = "notice"
)

// An Update is an event for one job.
type Update struct {
	Tenant string
	Job    string
	Event  Event
	// Reason goes with Fail and Cancel.
	Reason Payload
	// Result, Keep and Notice go with Complete. Keep is how long until ExpiresAt, 0 for
	// ever; NoticeAt is Notice before that. There is none for 0, and for a Notice that is
	// not shorter than Keep: who sees the job completed sees when it expires.
	Result       Payload
	Keep, Notice time.Duration
	// Parts and RowsPlanned go with Plan.
	Parts       int
	RowsPlanned int64
	// Again goes with Clean.
	Again time.Duration
}

// Apply returns j after an event that comes by [JobStore.Update], as
// [Job.Apply] does. Plan and Complete do not: they come by [Finish] alone, with
// the parts that prove them, and wrap [ErrBadTransition] here.
func (u Update) Apply(j Job, now time.Time) (Job, error) {
	if u.Event == Plan || u.Event == Complete {
		return j, fmt.Errorf("queue: %s of a job without its part: %w", u.Event, ErrBadTransition)
	}
	return j.Apply(u, now)
}

// Apply returns the job after the event, or an error that wraps
// [ErrBadTransition] and the job as it was. When the job was active and is not
// any more, the store also cancels its parts by [Part.Cancel].
func (j Job) Apply(u Update, now time.Time) (Job, error) {
	if !j.allows(u.Event, now) {
		return j, fmt.Errorf("queue: %s of a job that is %s (held: %t): %w", u.Event, j.State, j.Held, ErrBadTransition)
	}
	switch u.Event {
	case Plan:
		j.State, j.Parts, j.RowsPlanned = Running, u.Parts, u.RowsPlanned
	case Complete:
		j.end(Completed, now)
		j.Result = u.Result
		if u.Keep > 0 {
			j.ExpiresAt = after(now, u.Keep)
		}
		if u.Notice > 0 && u.Notice < u.Keep {
			j.NoticeAt = after(now, u.Keep-u.Notice)
		}
	case Fail:
		j.end(Failed, now)
		j.Reason = u.Reason
	case Cancel:
		j.end(Canceled, now)
		j.Reason = u.Reason
	case Retire:
		if j.ExpiresAt.IsZero() || j.ExpiresAt.After(now) {
			j.ExpiresAt = now
		}
		j.NoticeAt = time.Time{}
	case Expire:
		j.State, j.NoticeAt = Expired, time.Time{}
	case Hold, Unhold:
		j.Held = u.Event == Hold
	case Notice:
		j.NoticeAt = time.Time{}
	case Clean:
		j.Cleanings++
		j.CleanAt = time.Time{}
		if u.Again > 0 {
			j.CleanAt = after(now, u.Again)
		}
	}
	j.Version++
	return j, nil
}

func (j Job) allows(e Event, now time.Time) bool {
	switch e {
	case Plan:
		return j.State == Pending
	case Complete:
		return j.State == Running
	case Fail, Cancel:
		return j.State.Active()
	case Retire:
		return j.State == Completed && !j.Held
	case Expire:
		return j.State == Completed && !j.Held && reached(j.ExpiresAt, now)
	case Clean:
		return !j.State.Active() && !j.Held
	case Hold:
		return !j.Held && (j.State.Active() || j.State == Completed && !reached(j.ExpiresAt, now))
	case Unhold:
		return j.Held
	case Notice:
		return j.State == Completed && !j.Held && reached(j.NoticeAt, now)
	default:
		return false
	}
}

func (j *Job) end(s State, now time.Time) {
	j.State, j.FinishedAt, j.CleanAt = s, now, now
}

// Started returns the job after one of its parts was claimed.
func (j Job) Started(now time.Time) Job {
	if j.StartedAt.IsZero() {
		j.StartedAt = now
		j.Version++
	}
	return j
}

// Claimable reports whether a worker may lease the part now: it is ready and
// its time has come, its job is active, a suspect only when alone, and the
// seal only when all other parts are sealed.
func Claimable(j Job, p Part, alone bool, now time.Time) bool {
	switch {
	case !j.State.Active(), p.State != Ready, p.NotBefore.After(now), p.Suspect && !alone:
		return false
	case p.Kind == SealPart:
		return j.State == Running && j.PartsSealed == j.Parts-1
	default:
		return true
	}
}

// Claim leases a ready part under the next fence.
func (p Part) Claim(worker string, alone bool, now time.Time, lease time.Duration) (Part, error) {
	if p.State != Ready {
		return p, fmt.Errorf("queue: claim of a part that is %s: %w", p.State, ErrBadTransition)
	}
	// Only a suspect is sure to stay alone; beside any other part the worker
	// may take more, and a crash would say nothing about this one.
	p.State, p.Holder, p.Alone = Leased, worker, alone && p.Suspect
	p.Fence++
	p.LeaseUntil = after(now, lease)
	p.Rows, p.Bytes = 0, 0
	return p, nil
}

// held reports, with [ErrFenced], that fence is not the part's current lease.
func (p Part) held(fence int64) error {
	if p.State != Leased || p.Fence != fence {
		return fmt.Errorf("queue: part %d of job %s under fence %d: %w", p.Number, p.Job, fence, ErrFenced)
	}
	return nil
}

// Renew prolongs a lease, also one that is over but was not taken back yet.
func (p Part) Renew(l Lease, now time.Time, lease time.Duration) (Part, error) {
	if err := p.held(l.Fence); err != nil {
		return p, err
	}
	p.LeaseUntil = after(now, lease)
	p.Rows, p.Bytes = l.Rows, l.Bytes
	return p, nil
}

// Cancel ends a part of a job that is no longer active; a part that ended
// already stays as it is.
func (p Part) Cancel() Part {
	if p.State == Ready || p.State == Leased {
		p.State, p.LeaseUntil = PartCanceled, time.Time{}
	}
	return p
}
