package worker

import (
	"context"
	"time"

	"github.com/exportyard/exportyard/queue"
)

// renewLoop renews the leases of all held parts, at a quarter of a lease, on a
// goroutine of its own.
func (w *Worker) renewLoop(ctx context.Context) {
	tick := time.NewTicker(w.config.Lease / 4)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			w.renew(ctx)
		}
	}
}

// renew asks the store once for all parts. A part that is not confirmed goes
// on until its stale timer ends it.
func (w *Worker) renew(ctx context.Context) {
	held, leases := w.leases()
	if len(held) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, w.config.Lease/4)
	defer cancel()
	asked := time.Now()
	answers, err := w.config.Store.Renew(ctx, queue.Renew{Leases: leases, Lease: w.config.Lease})
	if err != nil || len(answers) != len(leases) {
		w.config.Logger.WarnContext(ctx, "renewing leases", "err", err)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, a := range answers {
		switch h := held[i]; { // that it may have ended meanwhile does no harm
		case a.Lost && a.JobState != "" && !a.JobState.Active():
			h.drop(ErrJobEnded)
		case a.Lost:
			h.drop(ErrLeaseLost)
		default:
			h.stale.Reset(time.Until(asked.Add(w.staleAfter())))
			h.renewed = leases[i].Rows
		}
	}
}

// leases returns the held parts and their leases with progress.
func (w *Worker) leases() ([]*Held, []queue.Lease) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var held []*Held
	var leases []queue.Lease
	for h := range w.holding {
		if h.dropped.Load() {
			continue
		}
		held = append(held, h)
		leases = append(leases, queue.Lease{
			Tenant: h.Job.Tenant, Job: h.Job.ID, Number: h.Part.Number, Fence: h.Part.Fence,
			Rows: h.Progress.Rows.Load(), Bytes: h.Progress.Bytes.Load(),
		})
	}
	return held, leases
}

// Stop ends the work on a job's parts here, without waiting for a renewal.
func (w *Worker) Stop(job string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for h := range w.holding {
		if h.Job.ID == job {
			h.drop(ErrJobEnded)
		}
	}
}

// Live returns the rows that parts of a job here have written since the store
// was last told.
func (w *Worker) Live(job string) (rows int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for h := range w.holding {
		if h.Job.ID == job {
			rows += max(0, h.Progress.Rows.Load()-h.renewed)
		}
	}
	return rows
}

// Changed returns a channel that is closed when the next part here has ended.
func (w *Worker) Changed() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.changed
}
