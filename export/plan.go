package export

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/exportyard/exportyard/export/manifest"
	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/internal/pipeline"
	"github.com/exportyard/exportyard/internal/plan"
	"github.com/exportyard/exportyard/internal/worker"
	"github.com/exportyard/exportyard/queue"
)

// doPlan cuts datasets × periods × key ranges into rows parts. What it reads, and
// with it the whole job, is pinned to one instant where the source can do that.
func (e *Engine) doPlan(ctx context.Context, h *worker.Held) (queue.Finish, error) {
	req, f, err := e.requestOf(h.Job)
	if err != nil {
		return queue.Finish{}, err
	}
	loc, err := req.zone()
	if err != nil {
		return queue.Finish{}, err
	}
	c := &e.config
	cutter := plan.Cutter{
		Tenant: h.Job.Tenant, Job: h.Job.ID, Created: h.Job.CreatedAt, Keys: c.Keys,
		From: req.From, To: req.To, Unit: req.unit(), Zone: loc,
		Joins: format.Joins(f), PartRows: c.PartRows, PartBytes: c.PartBytes, MaxParts: c.MaxParts,
	}
	pl := plan.Plan{Layout: string(req.layout(f))}
	asOf := manifest.AsOf{From: c.Now().UTC()}
	if cutter.Source, asOf.Snapshot, err = e.instants.Take(ctx, jobOf(h)); err != nil {
		return queue.Finish{}, sourceFault(err)
	}
	if asOf.To = c.Now().UTC(); asOf.Snapshot != "" {
		pl.AsOf = asOf
	}
	if pl.Datasets, err = e.datasets(ctx, req, f); err != nil {
		return queue.Finish{}, sourceFault(err)
	}
	parts, rows, err := cutter.Cut(ctx, &pl)
	if err != nil {
		return queue.Finish{}, sourceFault(err)
	}
	return planned(h.Job, &pl, parts, rows)
}

// sourceFault marks an error as the source's, as the pipeline does while it reads.
func sourceFault(err error) error { return &pipeline.ReadError{Err: err} }

// planned is the end of a plan part: the plan is its receipt, and the rows parts
// come to the job.
func planned(j queue.Job, pl *plan.Plan, parts []plan.Part, rows int64) (queue.Finish, error) {
	receipt, err := encodePayload(pl)
	if err != nil {
		return queue.Finish{}, err
	}
	f := queue.Finish{Outcome: queue.Seal, Receipt: receipt, RowsPlanned: rows}
	for i, part := range parts {
		payload, err := encodePayload(part)
		if err != nil {
			return queue.Finish{}, err
		}
		f.Planned = append(f.Planned, queue.Part{
			Job: j.ID, Tenant: j.Tenant, Number: i + 1, Kind: queue.RowsPart, State: queue.Ready, Payload: payload,
		})
	}
	return f, nil
}

func encodePayload(v any) (queue.Payload, error) {
	data, err := json.Marshal(v)
	return queue.Payload{Version: payloadVersion, Data: data}, err
}

func decodePayload(p queue.Payload, v any) error {
	if p.Version > payloadVersion {
		return &newerPayload{p.Version}
	}
	if err := json.Unmarshal(p.Data, v); err != nil {
		return fmt.Errorf("export: a stored payload cannot be read: %w", err)
	}
	return nil
}

// A newerPayload is work of a newer version of this package: it is put back.
type newerPayload struct{ version int }

func (e *newerPayload) Error() string {
	return fmt.Sprintf("the work was planned by a newer version (payload version %d, this one reads %d)", e.version, payloadVersion)
}
