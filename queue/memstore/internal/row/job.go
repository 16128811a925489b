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
	// Claimed is the number of the last claim of one of the parts, ClaimedAt its time, and
	// that of the creation before.
	Claimed   int64
	ClaimedAt time.Time
	// Leased counts the leased parts.
	Leased int

	// firstOpen is the index below which every part is sealed.
	firstOpen int
	// suspects counts the ready parts that are suspect.
	suspects int
	// rows and bytes are those of the sealed rows parts, and of the leased ones.
	rows, bytes int64
}

// NewJob returns the row of a new job.
func NewJob(job queue.Job, parts []queue.Part, ord, seq int64) *Job {
	return &Job{Job: cloneJob(job), Parts: cloneParts(parts), Ord: ord, Seq: seq, ClaimedAt: job.CreatedAt}
}

// Read returns the job as a caller sees it.
func (r *Job) Read(now time.Time) queue.Job {
	j := cloneJob(r.Job)
	j.Now, j.Rows, j.Bytes = now, r.rows, r.bytes
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
func (r *Job) SetPart(p queue.Part) {
	at := r.Part(p.Number)
	r.count(*at, -1)
	*at = ClonePart(p)
	r.count(*at, 1)
}

// count adds a part to what is known of all, or takes it away.
func (r *Job) count(p queue.Part, by int) {
	switch {
	case p.State == queue.Leased:
		r.Leased += by
	case p.State == queue.Ready && p.Suspect:
		r.suspects += by
	}
	if p.Kind == queue.RowsPart && (p.State == queue.Leased || p.State == queue.Sealed) {
		r.rows += int64(by) * p.Rows
		r.bytes += int64(by) * p.Bytes
	}
}

// open returns the parts from the first one on that is not sealed.
func (r *Job) open() []queue.Part {
	for r.firstOpen < len(r.Parts) && r.Parts[r.firstOpen].State == queue.Sealed {
		r.firstOpen++
	}
	return r.Parts[r.firstOpen:]
}

// Claimable returns the job's first parts, at most limit, that a worker may claim and, for
// one that is alone, the first suspect.
func (r *Job) Claimable(limit int, alone bool, now time.Time) []queue.Part {
	var parts []queue.Part
	suspect := !alone || r.suspects == 0
	for _, p := range r.open() {
		if len(parts) >= limit && suspect {
			break
		}
		if !queue.Claimable(r.Job, p, alone, now) {
			continue
		}
		if len(parts) < limit || p.Suspect && !suspect {
			parts = append(parts, p)
		}
		suspect = suspect || p.Suspect
	}
	return parts
}

// LeasesOver returns the parts whose lease is over, to be read only.
func (r *Job) LeasesOver(now time.Time) []queue.Part {
	var over []queue.Part
	for left, i := r.Leased, 0; left > 0; i++ {
		p := r.open()[i]
		if p.State == queue.Leased {
			left--
		}
		if p.LeaseOver(now) {
			over = append(over, p)
		}
	}
	return over
}

// Plan stores the parts that a plan planned, and puts the seal behind them.
func (r *Job) Plan(planned []queue.Part) {
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
	for _, p := range r.Parts {
		if ended := p.Cancel(); ended.State != p.State {
			r.SetPart(ended)
		}
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
