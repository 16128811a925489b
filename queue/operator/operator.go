// Package operator is the contract of what a store shows and does over all tenants. It is
// for the one who runs the whole: everything else in [queue] asks for a tenant, so that
// whoever must not cross tenants never holds a [Store] of this package.
//
// # Rules
//
// As in [queue], a store loads the rows, calls a pure function, writes and commits. The
// rules are [Query.Selects], [Waits], [Requeue.Apply] and [Forget.Apply].
//
// # To purge a tenant
//
// Nothing may be asked for any more. Its schedules are removed, its active jobs canceled.
// Of each job that may go, files and all, the caller then retires what is completed,
// removes the files, expires it, notes the last cleaning, and forgets it. A page of
// [queue.JobStore.List] may be forgotten while the list goes on. What is held stays. Each
// step is one transaction of its own, may be repeated, and says in its entries who did it:
// the entries of a tenant stay, also those of jobs that are forgotten.
//
// # To look after a store
//
// [Check] says whether a store answers and fits this code, [Store.Gauges] how much there is
// to do in it and for how long that has waited.
package operator

import (
	"context"
	"time"

	"github.com/exportyard/exportyard/queue"
)

// A Store is a [queue.JobStore] that can be asked over all tenants. It is safe for
// concurrent use by any number of processes, and what a method changes it changes in one
// transaction together with its entries.
type Store interface {
	// ActiveJobs returns a page of the active jobs of all tenants that the query selects,
	// and the cursor of the next page, which is empty at the end. What a job waits for
	// changes while pages are read: it may then be missed, or come twice.
	ActiveJobs(ctx context.Context, q Query) (jobs []Job, next string, err error)

	// Requeue makes an open part of an active job ready, by [Requeue.Apply]. It returns
	// the job, or an error that wraps [queue.ErrNotFound] or [queue.ErrBadTransition].
	Requeue(ctx context.Context, r Requeue, entries []queue.Entry) (queue.Job, error)

	// Forget removes a job that has ended and its parts, by [Forget.Apply]. Its ID and its
	// idempotency key are free then. It returns an error that wraps [queue.ErrNotFound] or
	// [queue.ErrBadTransition].
	Forget(ctx context.Context, f Forget, entries []queue.Entry) error

	// Gauges returns how the whole store is, each number counted up to most and no
	// further: a store with much to do is asked as cheaply as one with little.
	Gauges(ctx context.Context, most int) (Gauges, error)
}

// A Job is an active job with what an operator wants to know of it.
type Job struct {
	queue.Job
	// ClaimedAt is when one of its parts was last claimed, and CreatedAt before the first.
	ClaimedAt time.Time
	// Waits says that there is a part for which [Waits] holds.
	Waits bool
	// Suspect says that a part has lost its lease and is next claimed alone.
	Suspect bool
}

// A Trouble is why a job may be stuck.
type Trouble string

// The troubles.
const (
	Late    Trouble = "late"    // its deadline is over, or nearer than Span
	Idle    Trouble = "idle"    // a part waits, and none was claimed for Span or longer
	Suspect Trouble = "suspect" // a part has lost its lease
)

// A Query selects active jobs.
type Query struct {
	// Only selects the jobs in one trouble: late ones with the nearest deadline first,
	// idle ones with the longest idle first. When it is empty all are selected, and they
	// and the suspect ones come in the order of their creation.
	Only Trouble
	// Span goes with Late and Idle. Default: 0.
	Span time.Duration
	// Limit is the page's size, 1 to 1,000; 0 means 50.
	Limit int
	// After is the cursor that the page before returned.
	After string
}

// PageSize returns Limit within its bounds.
func (q Query) PageSize() int { return queue.ListQuery{Limit: q.Limit}.PageSize() }

// Until returns the moment up to which a deadline or a claim is one of the query's.
func (q Query) Until(now time.Time) time.Time {
	if q.Only == Idle {
		return now.Add(-q.Span)
	}
	return now.Add(q.Span)
}

// Selects reports whether the query selects the job.
func (q Query) Selects(j Job, now time.Time) bool {
	if !j.State.Active() {
		return false
	}
	switch q.Only {
	case "":
		return true
	case Late:
		return !j.DeadlineAt.IsZero() && !j.DeadlineAt.After(q.Until(now))
	case Idle:
		return j.Waits && !j.ClaimedAt.After(q.Until(now))
	case Suspect:
		return j.Suspect
	default:
		return false
	}
}

// Since returns the time by which the query orders the job; zero when it goes by creation.
func (q Query) Since(j Job) time.Time {
	switch q.Only {
	case Late:
		return j.DeadlineAt
	case Idle:
		return j.ClaimedAt
	default:
		return time.Time{}
	}
}

// Waits reports whether the part of an active job waits for a worker, or for its time.
func Waits(j queue.Job, p queue.Part) bool {
	return p.State == queue.Ready && !p.Suspect && (p.Kind != queue.SealPart || j.PartsSealed == j.Parts-1)
}

// Gauges say how a store is, over all tenants.
type Gauges struct {
	// Now is the store's time.
	Now time.Time
	// LeaseOver is for how long the lease that ended first has been over without being
	// taken back; 0 when none is. When it grows nobody sweeps.
	LeaseOver time.Duration
	// PendingAge is the age of the oldest pending job; 0 when there is none. When it
	// grows nobody works.
	PendingAge time.Duration
	// Active is how many jobs are active, Ready and Leased how many parts are. The ready
	// ones are also those that wait for their time, and the seals that wait for the others.
	Active, Ready, Leased int
}
