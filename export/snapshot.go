package export

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"golang.org/x/sync/errgroup"

	"github.com/exportyard/exportyard/export/manifest"
	"github.com/exportyard/exportyard/internal/instant"
	"github.com/exportyard/exportyard/internal/place"
	"github.com/exportyard/exportyard/internal/segment"
	"github.com/exportyard/exportyard/internal/worker"
	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/source"
)

// All parts of a job read one snapshot, where the source gives one: it is made
// when the job is planned and held by the engine that planned it until the job
// ends. Other engines find it by its name. When it is lost, because that engine
// ended, parts read the present data and the manifest says between which moments;
// or with Config.RequireSnapshot they are left to the seal, which reads all of
// them again from a snapshot of its own.

func jobOf(h *worker.Held) instant.Job { return instant.Job{Tenant: h.Job.Tenant, ID: h.Job.ID} }

// oneInstant returns the segments, read again from one snapshot when they have to
// be and are not.
func (s *sealer) oneInstant(ctx context.Context, segments []segment.Segment) ([]segment.Segment, error) {
	unread := slices.ContainsFunc(segments, func(seg segment.Segment) bool { return seg.Key == "" })
	if !unread && (!s.engine.config.RequireSnapshot || segment.AsOf(s.Plan, segments).Snapshot != "") {
		return segments, nil
	}
	loc, err := s.request.zone()
	if err != nil {
		return nil, err
	}
	again := *s.Plan // which other parts share
	again.Datasets = slices.Clone(again.Datasets)
	again.AsOf = manifest.AsOf{From: s.engine.config.Now().UTC()}
	snap, err := source.SnapshotOf(ctx, s.engine.config.Source, "")
	if err != nil {
		return nil, sourceFault(err)
	}
	defer func() { _ = snap.Close() }() // it was only read
	again.AsOf.Snapshot, again.AsOf.To = snap.Name(), s.engine.config.Now().UTC()
	for i := range again.Datasets {
		if err := again.Datasets[i].Count(ctx, snap, s.request.Tenant, again.Whole(loc)); err != nil {
			return nil, sourceFault(err)
		}
	}
	s.Plan = &again
	out := slices.Clone(segments)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(s.engine.config.Parts)
	for i := range out {
		g.Go(func() (err error) {
			part, seal := out[i].Part, s.held.Part
			key := place.Key(part.Base+"."+strconv.Itoa(i+1), seal.Number, seal.Fence, s.Extension())
			out[i].Receipt, err = s.Write(ctx, snap, part, key)
			out[i].Snapshot = snap.Name()
			return err
		})
	}
	return out, g.Wait()
}

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
