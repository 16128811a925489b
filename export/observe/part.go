package observe

import (
	"time"

	"github.com/exportyard/exportyard/queue"
)

// A Part is a worker's attempt at one part of an export.
type Part struct {
	Job
	Number   int
	PartKind queue.PartKind
	// Fence tells this attempt from all others at the part.
	Fence int64
	// Attempt counts from 1 those that ended with an error, and this one. What was
	// released or lost is not counted.
	Attempt int
}

// An Outcome is how an attempt at a part has ended.
type Outcome string

// The outcomes.
const (
	// Sealed: it is done.
	Sealed Outcome = "sealed"
	// Retried: an error that may pass; it will be tried again.
	Retried Outcome = "retried"
	// Refused: an error that will not pass; the export fails.
	Refused Outcome = "refused"
	// Released: the worker gave it back unharmed, because it is stopping or is too
	// old a version for it.
	Released Outcome = "released"
	// Dropped: the export had ended meanwhile, by a cancel for example.
	Dropped Outcome = "dropped"
	// Lost: the worker lost its lease, or could not renew it in time, or could not
	// report what it did.
	Lost Outcome = "lost"
	// Crashed: a panic that nothing caught. The part comes back when its lease ends.
	Crashed Outcome = "crashed"
)

// PartEnded ends a [Part].
type PartEnded struct {
	Part
	Outcome Outcome
	// Code goes with Retried and Refused, an export.Code.
	Code string
	// Rows and Bytes that the attempt has written, whether they count or not.
	Rows, Bytes int64
	Duration    time.Duration
	// Err is the cause of what did not end well. Its text is for logs: that of the source
	// or the sink, without what looks like a credential.
	Err error
}

// LeaseLost says that a sweep took a part back whose worker no longer renewed it.
type LeaseLost struct {
	Job
	Number   int
	PartKind queue.PartKind
	Fence    int64
	// Late is how long after the lease's end.
	Late time.Duration
}

func (Part) operation()  {}
func (PartEnded) event() {}
func (LeaseLost) event() {}
