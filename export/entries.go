package export

import (
	"context"

	"github.com/exportyard/exportyard/queue"
)

// The types of audit and outbox entries.
const (
	eventRequested  = "export.requested"
	eventRefused    = "export.refused"
	eventRerun      = "export.rerun"
	eventStarted    = "export.started"
	eventCompleted  = "export.completed"
	eventFailed     = "export.failed"
	eventCanceled   = "export.canceled"
	eventDownloaded = "export.downloaded"
	eventDeleted    = "export.deleted"
	eventExpired    = "export.expired"
	eventExpiring   = "export.expiring"
	eventHeld       = "export.held"
	eventReleased   = "export.released"
	eventRequeued   = "export.requeued"
	eventForgotten  = "export.forgotten"
	eventPurged     = "tenant.purged"
	eventPruned     = "export.pruned" // by a schedule's retention; the files go next

	eventScheduleCreated = "schedule.created"
	eventScheduleEdited  = "schedule.edited"
	eventScheduleResumed = "schedule.resumed"
	eventScheduleRemoved = "schedule.removed"

	eventClockLeapt = "clock.leapt"
)

func (e *Engine) entry(kind queue.EntryKind, tenant, job, what, actor string, data queue.Payload) queue.Entry {
	return queue.Entry{ID: e.config.NewID(), Kind: kind, Tenant: tenant, Job: job, Type: what, Actor: actor, Data: data}
}

// ended returns the audit entry and the outbox event for the end of a job,
// which are appended only when the change does end it so.
func (e *Engine) ended(j queue.Job, what string, data queue.Payload, when queue.State) []queue.Entry {
	entries := []queue.Entry{
		e.entry(queue.Audit, j.Tenant, j.ID, what, j.Actor, data),
		e.entry(queue.Outbox, j.Tenant, j.ID, what, j.Actor, data),
	}
	for i := range entries {
		entries[i].When = when
	}
	return entries
}

// Audit returns at most limit lines of the tenant's audit log in order, those
// above after; it needs a store that is a [queue.EntryReader].
func (e *Engine) Audit(ctx context.Context, tenant string, after int64, limit int) ([]queue.Entry, error) {
	reader, ok := e.config.Store.(queue.EntryReader)
	if !ok {
		return nil, &Error{Code: CodeUnsupported, Message: "this job store cannot be asked for its entries"}
	}
	entries, err := reader.Entries(ctx, tenant, queue.Audit, after, limit)
	return entries, storeError("", err)
}
