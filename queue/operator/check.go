package operator

import (
	"context"
	"errors"

	"github.com/exportyard/exportyard/queue"
)

// A Checker is a [queue.JobStore] that can tell whether it still is what this code needs:
// another host may have brought its tables up to date meanwhile. [Check] uses it.
type Checker interface {
	// Check asks the store and changes nothing. It returns nil, an error that wraps
	// ErrUnfit when the tables are not of the version that this code was written for, or
	// why the store does not answer.
	Check(ctx context.Context) error
}

// Check returns nil when the store answers and, if it can tell, fits this code.
func Check(ctx context.Context, store queue.JobStore) error {
	if checker, ok := store.(Checker); ok {
		return checker.Check(ctx)
	}
	if _, err := store.Get(ctx, "", ""); !errors.Is(err, queue.ErrNotFound) {
		return err
	}
	return nil
}
