package export

import (
	"context"
	"errors"

	"github.com/exportyard/exportyard/internal/instant"
	"github.com/exportyard/exportyard/internal/worker"
	"github.com/exportyard/exportyard/queue"
)

// All parts of a job read one snapshot, where the source gives one: it is made
// when the job is planned and held by the engine that planned it until the job
// ends. Other engines find it by its name. When it is lost, because that engine
// ended, parts read the present data and the manifest says between which moments;
// or with Config.RequireSnapshot they are left to the seal, which reads all of
// them again from a snapshot of its own.

func jobOf(h *worker.Held) instant.Job { return instant.Job{Tenant: h.Job.Tenant, ID: h.Job.ID} }

// releaseSnapshots lets go of those whose job has ended, or was planned anew
// elsewhere.
func (e *Engine) releaseSnapshots(ctx context.Context) {
	for job, name := range e.instants.Jobs() {
		j, err := e.config.Store.Get(ctx, job.Tenant, job.ID)
		ended := errors.Is(err, queue.ErrNotFound) || err == nil && !j.State.Active()
		if err == nil && !ended {
			pl, err := e.loadPlan(ctx, j)
			ended = err == nil && pl.AsOf.Snapshot != name
		}
		if ended {
			e.instants.Drop(job)
		}
	}
}
