package export

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/exportyard/exportyard/export/observe"
	"github.com/exportyard/exportyard/internal/redact"
	"github.com/exportyard/exportyard/internal/worker"
	"github.com/exportyard/exportyard/queue"
)

// watcher joins the log's observer and the host's; either may panic without harm.
func watcher(o observe.Observer, log *slog.Logger) observe.Observer {
	return observe.Join(observe.Shield(observe.Log(log), log), observe.Shield(o, log))
}

func observed(j queue.Job) observe.Job {
	return observe.Job{Tenant: j.Tenant, ID: j.ID, Kind: j.Kind}
}

// tellEnded says that this engine has completed, failed or canceled a job.
func (e *Engine) tellEnded(ctx context.Context, j queue.Job) {
	ended := observe.JobEnded{Job: observed(j), State: j.State, Rows: j.Rows, Bytes: j.Bytes, Duration: j.FinishedAt.Sub(j.CreatedAt)}
	if why := errorFrom(j.Reason); why != nil {
		ended.Code = string(why.Code)
	}
	observe.Tell(ctx, e.config.Observer, ended)
}

func observedPart(h *worker.Held) observe.Part {
	return observe.Part{
		Job: observed(h.Job), Number: h.Part.Number, PartKind: h.Part.Kind, Fence: h.Part.Fence, Attempt: h.Part.Failures + 1,
	}
}

// beginPart returns the context of all that is done for a part.
func (e *Engine) beginPart(ctx context.Context, h *worker.Held) context.Context {
	return observe.Begin(ctx, e.config.Observer, observedPart(h))
}

// outcomes are how reported parts have ended.
var outcomes = map[queue.Outcome]observe.Outcome{
	queue.Seal: observe.Sealed, queue.Retry: observe.Retried, queue.Refuse: observe.Refused, queue.Release: observe.Released,
}

func (e *Engine) endPart(ctx context.Context, h *worker.Held, f queue.Finish, err error) {
	ended := observe.PartEnded{
		Part: observedPart(h), Outcome: outcomes[f.Outcome], Rows: h.Progress.Rows.Load(), Bytes: h.Progress.Bytes.Load(),
		Duration: time.Since(h.Begun), Err: redact.Error(err),
	}
	switch {
	case err == nil && (f.Outcome == queue.Retry || f.Outcome == queue.Refuse):
		ended.Code, ended.Err = string(errorFrom(f.Reason).Code), redact.Error(h.Err)
	case err == nil:
	case errors.Is(err, worker.ErrJobEnded):
		ended.Outcome = observe.Dropped
	case errors.Is(err, worker.ErrLeaseLost), errors.Is(err, worker.ErrLeaseStale):
		ended.Outcome = observe.Lost
	default:
		ended.Outcome = observe.Crashed
	}
	observe.Tell(ctx, e.config.Observer, ended)
}
