package queue

import "time"

// A State is where a job stands.
type State string

// The states of a job. Completed may become Expired; Failed, Canceled and
// Expired are final.
const (
	Pending   State = "pending"   // waiting for its plan
	Running   State = "running"   // planned; its parts are worked on
	Completed State = "completed" // every file is stored and verified
	Failed    State = "failed"
	Canceled  State = "canceled"
	Expired   State = "expired" // was completed; its files are gone
)

// Active reports whether a job in this state holds its slot.
func (s State) Active() bool { return s == Pending || s == Running }

// A Payload is opaque to the store: bytes of the engine's, with the version of
// their form.
type Payload struct {
	Version int
	Data    []byte
}

// A Job is one export as the store holds it. Durations are given at creation;
// all times are the store's.
type Job struct {
	// ID is unique over all tenants; a second job with it is refused.
	ID     string
	Tenant string
	// Kind tells products apart: snapshot, archive.
	Kind string
	// Slot is what at most one active job may hold at a time, over all tenants.
	Slot string
	// Actor is who asked.
	Actor string
	// IdempotencyKey, when not empty, is unique within the tenant for ever;
	// Fingerprint tells whether two requests with it are the same.
	IdempotencyKey string
	Fingerprint    string
	// RetryOf is the job that this one runs again.
	RetryOf string
	Request Payload

	State State
	// Reason says why the job failed or was canceled.
	Reason Payload
	// Result is what completing it recorded.
	Result Payload

	// Parts counts all parts: the plan, the rows parts once planned, the seal.
	Parts       int
	PartsSealed int
	// RowsPlanned is how many rows the plan expects; -1 when it does not know.
	RowsPlanned int64
	// Rows and Bytes are of the sealed rows parts and, as of their last renewal, of
	// the leased ones. Stores compute them when a job is read.
	Rows, Bytes int64
	// Crashes counts lost leases of parts that ran alone since a part was last sealed.
	Crashes int
	// Held says that the job is on hold, see [Hold].
	Held bool
	// Cleanings counts the passes that removed what the job left in the sink.
	Cleanings int
	// Version grows with every change of the job.
	Version int64

	CreatedAt  time.Time
	StartedAt  time.Time // when a part was claimed first; zero before
	FinishedAt time.Time // when it became Completed, Failed or Canceled
	DeadlineAt time.Time // when an active job is failed; zero for never
	ExpiresAt  time.Time // from when on no file may be handed out; zero for never
	NoticeAt   time.Time // from when on it is to be told that it will expire; zero for never, or told
	CleanAt    time.Time // when the next cleaning is due; zero for none
	// Now is the store's time when it answered.
	Now time.Time
}

// A PartKind is what a part does.
type PartKind string

// The kinds of parts: a job has one plan, any number of rows parts, one seal.
const (
	PlanPart PartKind = "plan"
	RowsPart PartKind = "rows"
	SealPart PartKind = "seal"
)

// A PartState is where a part stands.
type PartState string

// The states of a part. Sealed, PartFailed and PartCanceled are final.
const (
	Ready        PartState = "ready"
	Leased       PartState = "leased"
	Sealed       PartState = "sealed"
	PartFailed   PartState = "failed"
	PartCanceled PartState = "canceled"
)

// A Part is a unit of work that one worker does as a whole.
type Part struct {
	Job    string
	Tenant string
	// Number is unique within the job; the plan is 0.
	Number  int
	Kind    PartKind
	Payload Payload

	State PartState
	// Fence grows with every claim of this part; whoever shows a smaller one
	// is too late.
	Fence int64
	// Holder is the worker that holds the lease.
	Holder     string
	LeaseUntil time.Time
	// NotBefore is when a part that failed may be claimed again.
	NotBefore time.Time
	// Alone says that the lease of a suspect was given to a process that runs
	// nothing beside it.
	Alone bool
	// Suspect says that a lease was lost: the part is next claimed alone.
	Suspect bool
	// Failures counts retryable errors.
	Failures int
	// Rows and Bytes as of the last renewal, or of the receipt.
	Rows, Bytes int64
	Receipt     Payload
	// Reason is the last error.
	Reason Payload
}

// An EntryKind says what an entry is for.
type EntryKind string

// The kinds of entries.
const (
	Audit  EntryKind = "audit"  // who did what, for ever
	Outbox EntryKind = "outbox" // an event to be delivered
)

// An Entry is a line of the audit log or an event of the outbox. It is written
// in the transaction of the change that it tells of, or not at all.
type Entry struct {
	// ID is unique; the engine makes it. A change with an entry whose ID is there
	// already is refused as a whole.
	ID     string
	Kind   EntryKind
	Tenant string
	Job    string // empty when it is about no job
	// Type names what happened: "export.completed".
	Type  string
	Actor string
	Data  Payload
	// When, if not empty, makes the entry conditional: it is appended only if the
	// change leaves the job in this state. With a change of a schedule it is an outcome or
	// a state of that, see [Schedule.EntriesAfter].
	When State
	// At and Seq are given by the store: its time, and a number that grows
	// within the tenant.
	At  time.Time
	Seq int64
}
