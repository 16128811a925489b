package queue

import "errors"

// ErrNotFound is wrapped when the tenant has no such job or part; another
// tenant's is not found either.
var ErrNotFound = errors.New("not found")

// ErrConflict is wrapped by [ConflictError]: the slot is taken.
var ErrConflict = errors.New("slot is taken by an active job")

// ErrIdempotencyMismatch is wrapped when an idempotency key comes with another
// request than the one it was first used with.
var ErrIdempotencyMismatch = errors.New("idempotency key was used with another request")

// ErrFenced is wrapped when a worker is no longer the holder of a part. It
// stops at once and throws away what it has.
var ErrFenced = errors.New("lease was lost")

// ErrBadTransition is wrapped when the state does not allow the change.
// Nothing was changed.
var ErrBadTransition = errors.New("not possible in this state")

// ErrStale is wrapped when a schedule is no longer in the version that was seen. Nothing
// was changed; the caller looks again.
var ErrStale = errors.New("was changed meanwhile")

// ErrCursor is wrapped when a list is continued with a cursor that it did not
// give. The caller starts from the first page.
var ErrCursor = errors.New("cursor is not valid")

// A ConflictError names the active job that holds the slot.
type ConflictError struct{ Active Job }

// Error names the job.
func (e *ConflictError) Error() string {
	return "queue: job " + e.Active.ID + ": " + ErrConflict.Error()
}

// Unwrap returns [ErrConflict].
func (e *ConflictError) Unwrap() error { return ErrConflict }
