package memstore

import (
	"bytes"
	"slices"
	"time"

	"github.com/exportyard/exportyard/queue"
)

// A record is a job with its parts.
type record struct {
	job   queue.Job
	parts []queue.Part // in order of Number
	// firstOpen is the index below which every part is sealed.
	firstOpen int
	// ord orders all jobs by creation, seq those of the tenant, from 1.
	ord, seq int64
	// claimed is the number of the last claim of one of the parts.
	claimed int64
	// rows and bytes are those of the sealed rows parts.
	rows, bytes int64
}

func newRecord(job queue.Job, parts []queue.Part, ord, seq int64) *record {
	return &record{job: cloneJob(job), parts: cloneParts(parts), ord: ord, seq: seq}
}

// read returns the job as a caller sees it.
func (r *record) read(now time.Time) queue.Job {
	j := cloneJob(r.job)
	j.Now, j.Rows, j.Bytes = now, r.rows, r.bytes
	for _, p := range r.open() {
		if p.State == queue.Leased && p.Kind == queue.RowsPart {
			j.Rows += p.Rows
			j.Bytes += p.Bytes
		}
	}
	return j
}

// part returns the part with this number, or nil.
func (r *record) part(number int) *queue.Part {
	i, ok := slices.BinarySearchFunc(r.parts, number, func(p queue.Part, n int) int { return p.Number - n })
	if !ok {
		return nil
	}
	return &r.parts[i]
}

// open returns the parts from the first one on that is not sealed.
func (r *record) open() []queue.Part {
	for r.firstOpen < len(r.parts) && r.parts[r.firstOpen].State == queue.Sealed {
		r.firstOpen++
	}
	return r.parts[r.firstOpen:]
}

// claimable returns the first parts that the worker may claim and, for one that is
// alone, the first suspect.
func (r *record) claimable(c queue.Claim, now time.Time) []queue.Part {
	var parts []queue.Part
	suspect := !c.Alone
	for _, p := range r.open() {
		if len(parts) >= c.Limit && suspect {
			break
		}
		if !queue.Claimable(r.job, p, c.Alone, now) {
			continue
		}
		if len(parts) < c.Limit || p.Suspect && !suspect {
			parts = append(parts, p)
		}
		suspect = suspect || p.Suspect
	}
	return parts
}

// sealed counts a sealed part, and stores what a sealed plan planned.
func (r *record) sealed(p queue.Part, planned []queue.Part) {
	switch p.Kind {
	case queue.RowsPart:
		r.rows += p.Rows
		r.bytes += p.Bytes
	case queue.PlanPart:
		r.plan(planned)
	}
}

func (r *record) plan(planned []queue.Part) {
	parts := make([]queue.Part, 0, len(planned)+len(r.parts))
	for _, p := range r.parts {
		if p.Kind == queue.SealPart {
			p.Number = len(planned) + 1
		}
		parts = append(parts, p)
	}
	r.parts = append(parts, cloneParts(planned)...)
	slices.SortFunc(r.parts, func(a, b queue.Part) int { return a.Number - b.Number })
}

func (r *record) cancel() {
	for i, p := range r.parts {
		r.parts[i] = p.Cancel()
	}
}

func cloneJob(j queue.Job) queue.Job {
	j.Request, j.Reason, j.Result = clonePayload(j.Request), clonePayload(j.Reason), clonePayload(j.Result)
	return j
}

func clonePart(p queue.Part) queue.Part {
	p.Payload, p.Receipt, p.Reason = clonePayload(p.Payload), clonePayload(p.Receipt), clonePayload(p.Reason)
	return p
}

func cloneParts(parts []queue.Part) []queue.Part {
	clones := make([]queue.Part, len(parts))
	for i, p := range parts {
		clones[i] = clonePart(p)
	}
	return clones
}

func clonePayload(p queue.Payload) queue.Payload {
	p.Data = bytes.Clone(p.Data)
	return p
}
