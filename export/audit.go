package export

import (
	"context"
	"errors"

	"github.com/exportyard/exportyard/internal/relay"
	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/chain"
	"github.com/exportyard/exportyard/queue/feed"
)

// An Auditor is the host's own audit log, beside the job store's.
//
// A running engine hands it every entry of the audit log: from the store, where it was
// written in the transaction of the change that it tells of, and not in the way of any
// request. Each entry comes at least once, some seconds after it was written, those of a
// tenant in the order of their Seq and never two pages of one tenant at the same time,
// whichever engines run. An entry that comes again has the same ID. The platform's have an
// empty tenant. A log that is given to an engine for the first time gets all entries from
// the first one on; the store remembers what was taken, once for all engines.
type Auditor interface {
	// Audit takes entries of one tenant, all or none. It returns nil when it has them,
	// durably; with an error, a panic, or after 30 seconds, they come again later, and
	// the tenant's next ones after them. It is safe for concurrent use, and does not keep
	// the slice.
	Audit(ctx context.Context, entries []queue.Entry) error
}

// relay hands the audit log on to the host's, if there is one.
func (e *Engine) relay(ctx context.Context) {
	store, ok := feed.Of(e.config.Store)
	if e.config.Auditor == nil || !ok {
		return
	}
	r := relay.Relay{Store: store, Take: e.config.Auditor.Audit, Logger: e.config.Logger}
	r.Run(ctx)
}

// VerifyAudit proves that the tenant's audit log is as it was written, and returns the
// head of its chain; that of the platform's log for an empty tenant. It needs a store that
// has keys for it. Known are heads that earlier calls returned and the host has kept
// elsewhere: they show also what somebody could do who has kept an old state of the
// database, see package chain.
//
// A log that was altered gives an error of CodeVerificationFailed that wraps a
// [*chain.BrokenError], which names the first entry that is wrong, and how.
func (e *Engine) VerifyAudit(ctx context.Context, tenant string, known ...chain.Head) (chain.Head, error) {
	head, err := chain.VerifyAudit(ctx, e.config.Store, tenant, known...)
	var broken *chain.BrokenError
	switch {
	case err == nil:
		return head, nil
	case errors.As(err, &broken):
		return chain.Head{}, &Error{
			Code: CodeVerificationFailed, Message: "the audit log is not as it was written: " + err.Error(), Err: err,
			Hint: "keep the database as it is, and compare the log with a backup",
		}
	case errors.Is(err, chain.ErrNoKeys):
		return chain.Head{}, &Error{
			Code: CodeUnsupported, Message: "the audit log has no chain", Err: err,
			Hint: "give the job store keys for it",
		}
	default:
		return chain.Head{}, storeError("", err)
	}
}
