package queue

import "time"

// Make returns the job and its first parts as a store writes them: pending, in
// version 1, the parts ready and numbered from 0.
func (n NewJob) Make(now time.Time) (Job, []Part) {
	j := Job{
		ID: n.ID, Tenant: n.Tenant, Kind: n.Kind, Slot: n.Slot, Actor: n.Actor,
		IdempotencyKey: n.IdempotencyKey, Fingerprint: n.Fingerprint,
		RetryOf: n.RetryOf, Request: n.Request,
		State: Pending, Parts: len(n.First), RowsPlanned: -1, Version: 1,
		CreatedAt: now, Now: now,
	}
	if n.MaxAge > 0 {
		j.DeadlineAt = after(now, n.MaxAge)
	}
	return j, newParts(j, n.First, 0, "")
}

// PlannedParts returns the rows parts as a store writes them when the plan part
// of j is sealed, numbered from 1. The seal part's number becomes one more than
// the last of them.
func (f Finish) PlannedParts(j Job) []Part {
	return newParts(j, f.Planned, 1, RowsPart)
}

// newParts keeps only what a maker of parts decides: kind, unless one is
// given, and payload.
func newParts(j Job, parts []Part, first int, kind PartKind) []Part {
	made := make([]Part, len(parts))
	for i, p := range parts {
		made[i] = Part{Job: j.ID, Tenant: j.Tenant, Number: first + i, Kind: p.Kind, Payload: p.Payload, State: Ready}
		if kind != "" {
			made[i].Kind = kind
		}
	}
	return made
}

// EntriesIn returns those of the entries that a change appends when it leaves
// the job in state: the unconditional ones, and those for this state. Their
// condition is met and not kept.
func EntriesIn(state State, entries []Entry) []Entry {
	kept := make([]Entry, 0, len(entries))
	for _, e := range entries {
		if e.When == "" || e.When == state {
			e.When = ""
			kept = append(kept, e)
		}
	}
	return kept
}

// after is the moment d later, cut to the microseconds that stores keep.
func after(now time.Time, d time.Duration) time.Time {
	return now.Add(d).Truncate(time.Microsecond)
}
