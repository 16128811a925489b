package queue

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// A TxCreator is a JobStore in a database that the host uses too: a request can be
// part of the host's own transaction. [CreateTx] uses it.
type TxCreator interface {
	// CreateTx is [JobStore.Create] within a transaction of the host's: others see the
	// job when the host has committed, and never if it rolls back. An error, a conflict
	// and an existing job store nothing, as ever, and leave what the host wrote, and its
	// transaction as it was before, as far as the database can: an error of the
	// connection ends a transaction for good. The method neither commits nor rolls back.
	//
	// The slot is held from the call until the host's transaction has ended: who wants
	// it meanwhile waits. So the host commits soon.
	CreateTx(ctx context.Context, tx *sql.Tx, job NewJob, entries []Entry) (created Job, existing bool, err error)
}

// CreateTx creates a job within a transaction of the host's, see [TxCreator]. With a
// store that cannot it returns an error that wraps [errors.ErrUnsupported]. Workers are
// to be rung after the commit.
func CreateTx(ctx context.Context, store JobStore, tx *sql.Tx, job NewJob, entries []Entry) (created Job, existing bool, err error) {
	creator, ok := store.(TxCreator)
	if !ok {
		return Job{}, false, fmt.Errorf("queue: the store cannot use a transaction of the host: %w", errors.ErrUnsupported)
	}
	return creator.CreateTx(ctx, tx, job, entries)
}
