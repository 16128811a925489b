package export

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/exportyard/exportyard/queue"
)

// RequestTx is [Engine.Request] within a transaction of the host's: the export is
// requested when the host has committed, together with all else that it wrote, and never
// if it rolls back. It needs a store in the same database that is a [queue.TxCreator];
// with another one the [*Error] has CodeUnsupported.
//
// Source and destination are asked before anything is stored, while the host's transaction
// is open: so this call comes last before the commit, and the slot is held until then. A
// refusal leaves the transaction as it was. It is noted in the audit log in a transaction
// of its own, for which it waits at most a second, since in SQLite the host may be the
// only one that can write.
//
// Nobody is rung and no observer is told, because only the host knows whether it has
// committed. [Engine.Ring] after that lets work begin at once; without it, workers find the job when they look by
// themselves: within Config.Poll, or Config.Sweep for those that wait for rings alone.
func (e *Engine) RequestTx(ctx context.Context, tx *sql.Tx, r Request) (*Job, error) {
	r = r.withDefaults()
	job, entries, err := e.prepare(ctx, r, origin{})
	if err != nil {
		return nil, e.refusedTx(ctx, r, err)
	}
	created, _, err := queue.CreateTx(ctx, e.config.Store, tx, job, entries)
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		return nil, &Error{
			Code: CodeUnsupported, Message: "this job store cannot use a transaction of the host",
			Hint: "use one that is a queue.TxCreator, or Request after the commit", Err: err,
		}
	case err != nil:
		return nil, e.refusedTx(ctx, r, storeError("", err))
	}
	return e.job(created)
}

// refusedTx is refused while a transaction of the host's is open.
func (e *Engine) refusedTx(ctx context.Context, r Request, err error) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	return e.refused(ctx, r, err)
}

// Ring wakes workers, here and elsewhere: for hosts that have committed what
// [Engine.RequestTx] was part of. A ring too many does no harm, and neither does one that
// is lost.
func (e *Engine) Ring(ctx context.Context) { e.ring(ctx) }
