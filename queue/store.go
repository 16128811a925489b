package queue

import (
	"context"
	"time"
)

// A JobStore is the truth about jobs. It is safe for concurrent use by any
// number of processes. Every method that changes something does it in one
// transaction together with its entries, by the rules of this package
// ([Update.Apply], [Finish.Apply] and so on): all or nothing.
type JobStore interface {
	// Create stores a job and its first parts. If the tenant has a job with the
	// same idempotency key, it returns that one with existing true when the
	// fingerprints are equal, and an error that wraps ErrIdempotencyMismatch
	// when not. Otherwise, if the slot is held by an active job, it returns a
	// [*ConflictError]. In each of these cases nothing is stored.
	Create(ctx context.Context, job NewJob, entries []Entry) (created Job, existing bool, err error)

	// Get returns the tenant's job, or an error that wraps ErrNotFound.
	Get(ctx context.Context, tenant, id string) (Job, error)

	// List returns a page of the tenant's jobs, newest first, and the cursor
	// of the next page, which is empty at the end.
	List(ctx context.Context, q ListQuery) (jobs []Job, next string, err error)

	// Parts returns a page of the tenant's job's parts in ascending order of
	// their numbers, those above after, at most limit. The first page is after -1.
	Parts(ctx context.Context, tenant, job string, after, limit int) ([]Part, error)

	// Update applies an event to a job, by [Update.Apply]. With an empty Job it
	// only appends the entries, and returns the zero Job.
	Update(ctx context.Context, u Update, entries []Entry) (Job, error)

	// Claim leases up to Limit claimable parts (see [Claimable]) to a worker, within
	// its limits for the parts in flight, rotating over tenants so that none waits for
	// all parts of another, and within a tenant over its jobs: those whose last claim is
	// longest ago come first. The package queue/fair decides. It returns none when there
	// are none.
	Claim(ctx context.Context, c Claim) ([]Claimed, error)

	// Renew prolongs leases and stores progress. The answers are in the order
	// of the leases; one that is no longer held, or whose job is no longer
	// active, is answered Lost.
	Renew(ctx context.Context, r Renew) ([]Renewed, error)

	// Finish ends a lease, by [Finish]: with a receipt, by giving it back, or
	// with an error. It returns the job after it. A lease that is no longer
	// held gives an error that wraps ErrFenced, and nothing is changed or
	// appended.
	Finish(ctx context.Context, f Finish, entries []Entry) (Job, error)

	// Due returns at most limit things that the sweeper must look at now.
	// Looking changes nothing: two sweepers may see the same. No kind hides
	// another, see [MixDue]; within a kind the longest due comes first.
	Due(ctx context.Context, limit int) ([]Due, error)
}

// NewJob is a job to be created: its fields down to Request, in state Pending.
// [NewJob.Make] says what is stored.
type NewJob struct {
	Job
	// MaxAge sets DeadlineAt; 0 for none.
	MaxAge time.Duration
	// First are the plan part and the seal part.
	First []Part
}

// A ListQuery selects jobs.
type ListQuery struct {
	Tenant string
	// States, Kind and Actor restrict when not empty.
	States []State
	Kind   string
	Actor  string
	// Limit is the page's size, 1 to 1,000; 0 means 50.
	Limit int
	// After is the cursor that the page before returned.
	After string
}

// PageSize returns Limit within its bounds.
func (q ListQuery) PageSize() int {
	switch {
	case q.Limit < 1:
		return 50
	case q.Limit > 1000:
		return 1000
	default:
		return q.Limit
	}
}

// A Claim asks for work.
type Claim struct {
	// Worker names the process and is unique to its life.
	Worker string
	// Limit is how many parts the worker has hands for.
	Limit int
	// Alone says that the process runs no part now: only then it may get a
	// suspect part, and then it gets nothing beside it.
	Alone bool
	// Lease is how long the leases last unless renewed.
	Lease time.Duration
	// PerTenant is how many parts of a tenant may be leased at a time, to whichever
	// workers; 0 for no limit.
	PerTenant int
	// InAll is the same for the parts of all tenants together.
	InAll int
}

// Claimed is a leased part with its job.
type Claimed struct {
	Job  Job
	Part Part
}

// A Lease names a held part.
type Lease struct {
	Tenant string
	Job    string
	Number int
	Fence  int64
	// Rows and Bytes so far.
	Rows, Bytes int64
}

// Renew prolongs the leases of a worker.
type Renew struct {
	Leases []Lease
	// Lease is how long they last from now on.
	Lease time.Duration
}

// Renewed answers for one lease.
type Renewed struct {
	// Lost says to stop at once: lease gone or job ended. JobState says which; it
	// is empty when the tenant has no such job.
	Lost     bool
	JobState State
}

// A DueKind is why something is due.
type DueKind string

// What the sweeper looks at.
const (
	DueLease    DueKind = "lease"    // a lease is over: Finish with LeaseOver
	DueDeadline DueKind = "deadline" // an active job is past its deadline: fail it
	DueExpiry   DueKind = "expiry"   // a completed job is past its expiry: delete its files, then Expire
	DueCleaning DueKind = "cleaning" // a job left things in the sink: remove them, then Clean
	DueNotice   DueKind = "notice"   // a completed job will expire: tell by Notice, or be silent if it is past its expiry
)

// Due is one thing that the sweeper must look at.
type Due struct {
	Kind DueKind
	Job  Job
	// Part is set for DueLease.
	Part Part
}

// An EntryReader reads the entries of a store back.
type EntryReader interface {
	// Entries returns at most limit of the tenant's entries of a kind, in
	// order of Seq, those above after.
	Entries(ctx context.Context, tenant string, kind EntryKind, after int64, limit int) ([]Entry, error)
}
