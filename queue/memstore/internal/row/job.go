// Package row is what a store in memory keeps: jobs with their parts, schedules with
// their runs. Whoever calls holds the store's lock. What goes in is copied.
package row

import (
	"bytes"
	"slices"
	"time"

	"github.com/exportyard/exportyard/queue"
)

// A Job is a job with its parts.
type Job struct {
	Job   queue.Job    // to be read only
	Parts []queue.Part // in order of Number, to be read only
	// Ord orders all jobs by creation, Seq those of the tenant, from 1.
	Ord, Seq int64
	// Claimed is the number of the last claim of one of the parts.
	Claimed int64

	// firstOpen is the index below which every part is sealed.
	firstOpen int
	// rows and bytes are those of the sealed rows parts.
	rows, bytes int64
}

// NewJob returns the row of a new job.
func NewJob(job queue.Job, parts []queue.Part, ord, seq int64) *Job {
	return &Job{Job: cloneJob(job), Parts: cloneParts(parts), Ord: ord, Seq: seq}
}

// Read returns the job as a caller sees it.
func (r *Job) Read(now time.Time) queue.Job {
	j := cloneJob(r.Job)
	j.Now, j.Rows, j.Bytes = now, r.rows, r.bytes
	for _, p := range r.Open() {
		if p.State == queue.Leased && p.Kind == queue.RowsPart {
			j.Rows += p.Rows
			j.Bytes += p.Bytes
		}
	}
	return j
}

// Set stores what the job became. When it is no longer active, its open parts end.
func (r *Job) Set(job queue.Job) {
	if r.Job.State.Active() && !job.State.Active() {
		r.cancel()
	}
	r.Job = cloneJob(job)
}

// Part returns the part with this number, or nil, to be read only.
func (r *Job) Part(number int) *queue.Part {
	i, ok := slices.BinarySearchFunc(r.Parts, number, func(p queue.Part, n int) int { return p.Number - n })
	if !ok {
		return nil
	}
	return &r.Parts[i]
}

// SetPart stores what a part became.
func (r *Job) SetPart(p queue.Part) { *r.Part(p.Number) = ClonePart(p) }

// Open returns the parts from the first one on that is not sealed, to be read only.
func (r *Job) Open() []queue.Part {
	for r.firstOpen < len(r.Parts) && r.Parts[r.firstOpen].State == queue.Sealed {
		r.firstOpen++
	}
	return r.Parts[r.firstOpen:]
}

// Claimable returns the first parts that the worker may claim and, for one that is
// alone, the first suspect.
func (r *Job) Claimable(c queue.Claim, now time.Time) []queue.Part {
	var parts []queue.Part
	suspect := !c.Alone
	for _, p := range r.Open() {
		if len(parts) >= c.Limit && suspect {
			break
		}
		if !queue.Claimable(r.Job, p, c.Alone, now) {
			continue
		}
		if len(parts) < c.Limit || p.Suspect && !suspect {
			parts = append(parts, p)
		}
		suspect = suspect || p.Suspect
	}
	return parts
}

// Sealed counts a sealed part, and stores what a sealed plan planned.
func (r *Job) Sealed(p queue.Part, planned []queue.Part) {
	switch p.Kind {
	case queue.RowsPart:
		r.rows += p.Rows
		r.bytes += p.Bytes
	case queue.PlanPart:
		r.plan(planned)
	}
}

func (r *Job) plan(planned []queue.Part) {
	parts := make([]queue.Part, 0, len(planned)+len(r.Parts))
	for _, p := range r.Parts {
		if p.Kind == queue.SealPart {
			p.Number = len(planned) + 1
		}
		parts = append(parts, p)
	}
	r.Parts = append(parts, cloneParts(planned)...)
	slices.SortFunc(r.Parts, func(a, b queue.Part) int { return a.Number - b.Number })
}

func (r *Job) cancel() {
	for i, p := range r.Parts {
		r.Parts[i] = p.Cancel()
	}
}

func cloneJob(j queue.Job) queue.Job {
	j.Request, j.Reason, j.Result = ClonePayload(j.Request), ClonePayload(j.Reason), ClonePayload(j.Result)
	return j
}

// ClonePart returns a copy that shares no bytes.
func ClonePart(p queue.Part) queue.Part {
	p.Payload, p.Receipt, p.Reason = ClonePayload(p.Payload), ClonePayload(p.Receipt), ClonePayload(p.Reason)
	return p
}

func cloneParts(parts []queue.Part) []queue.Part {
	clones := make([]queue.Part, len(parts))
	for i, p := range parts {
		clones[i] = ClonePart(p)
	}
	return clones
}

// ClonePayload returns a copy that shares no bytes.
func ClonePayload(p queue.Payload) queue.Payload {
	p.Data = bytes.Clone(p.Data)
	return p
}
