package export

import (
	"context"
	"errors"

	"github.com/exportyard/exportyard/queue/chain"
)

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
