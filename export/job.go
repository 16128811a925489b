package export

import (
	"context"
	"errors"
	"io"
	"iter"
	"time"

	"github.com/exportyard/exportyard/export/manifest"
	"github.com/exportyard/exportyard/export/observe"
	"github.com/exportyard/exportyard/internal/pipeline"
	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/sink"
)

// State is where an export stands.
type State = queue.State

// The states of an export.
const (
	Pending   = queue.Pending
	Running   = queue.Running
	Completed = queue.Completed
	Failed    = queue.Failed
	Canceled  = queue.Canceled
	Expired   = queue.Expired
)

// A Job is an export as its host sees it.
type Job struct {
	ID      string
	Tenant  string
	State   State
	Request Request
	// Summary is the request in one line.
	Summary string
	// RetryOf is the export that this one runs again.
	RetryOf string
	// Schedule is the schedule that it comes of, Nominal the time that its range was
	// told from; both empty when a person asked for it.
	Schedule string
	Nominal  time.Time

	Progress Progress
	// Error says why it failed or was canceled.
	Error *Error
	// Manifest is the key of a completed export's manifest; Files, Rows and
	// Bytes are its totals.
	Manifest string
	Files    int
	Rows     int64
	Bytes    int64

	CreatedAt  time.Time
	StartedAt  time.Time
	FinishedAt time.Time
	// ExpiresAt is from when on no file is handed out; zero for never.
	ExpiresAt time.Time
	// Held says that nothing of it may go, whatever its clocks say, see [Operator.Hold].
	Held bool
	// Version grows with every change.
	Version int64
}

// Progress says how far an export is.
type Progress struct {
	// Parts and PartsSealed count all parts, the plan and the seal included.
	Parts, PartsSealed int
	// Rows and Bytes were written so far; parts that start again count again.
	Rows, Bytes int64
	// RowsPlanned is how many rows are expected; -1 when unknown.
	RowsPlanned int64
}

// job makes the host's view of a stored job.
func (e *Engine) job(j queue.Job) (*Job, error) {
	out := &Job{
		ID: j.ID, Tenant: j.Tenant, State: j.State, RetryOf: j.RetryOf, Error: errorFrom(j.Reason),
		Progress: Progress{
			Parts: j.Parts, PartsSealed: j.PartsSealed, Rows: j.Rows, Bytes: j.Bytes, RowsPlanned: j.RowsPlanned,
		},
		CreatedAt: j.CreatedAt, StartedAt: j.StartedAt, FinishedAt: j.FinishedAt, ExpiresAt: j.ExpiresAt, Held: j.Held, Version: j.Version,
	}
	var t taken
	if err := decodePayload(j.Request, &t); err != nil {
		return nil, &Error{Code: CodeInternal, Job: j.ID, Message: "the stored request cannot be read", Err: err}
	}
	out.Request, out.Schedule, out.Nominal = t.Request, t.Schedule, t.Nominal
	out.Request.IdempotencyKey = j.IdempotencyKey
	out.Summary = out.Request.Summary()
	if len(j.Result.Data) > 0 {
		var res result
		if err := decodePayload(j.Result, &res); err != nil {
			return nil, &Error{Code: CodeInternal, Job: j.ID, Message: "the stored result cannot be read", Err: err}
		}
		out.Manifest, out.Files, out.Rows, out.Bytes = res.Key, res.Files, res.Rows, res.Size
	}
	out.Progress.Rows += e.worker.Live(j.ID)
	return out, nil
}

// Get returns an export of the tenant.
func (e *Engine) Get(ctx context.Context, tenant, id string) (*Job, error) {
	j, err := e.config.Store.Get(ctx, tenant, id)
	if err != nil {
		return nil, storeError(id, err)
	}
	return e.job(j)
}

// ListOptions select exports. nil means the first page of all.
type ListOptions struct {
	// States, Kind and Actor restrict when not empty.
	States []State
	Kind   string
	Actor  string
	// Limit is the size of a page, 1 to 1,000. Default: 50.
	Limit int
	// After is the cursor that the page before gave.
	After string
}

// List returns a page of the tenant's exports, newest first, and the cursor of
// the next page, empty at the end.
func (e *Engine) List(ctx context.Context, tenant string, opts *ListOptions) ([]*Job, string, error) {
	if opts == nil {
		opts = &ListOptions{}
	}
	jobs, next, err := e.config.Store.List(ctx, queue.ListQuery{
		Tenant: tenant, States: opts.States, Kind: opts.Kind, Actor: opts.Actor, Limit: opts.Limit, After: opts.After,
	})
	if err != nil {
		return nil, "", storeError("", err)
	}
	out := make([]*Job, len(jobs))
	for i := range jobs {
		if out[i], err = e.job(jobs[i]); err != nil {
			return nil, "", err
		}
	}
	return out, next, nil
}

// Watch gives the export now and after each change, until it has ended or ctx
// does. Changes elsewhere are looked for at every interval; of parts that run
// in this engine it learns at once.
func (e *Engine) Watch(ctx context.Context, tenant, id string, every time.Duration) iter.Seq2[*Job, error] {
	return func(yield func(*Job, error) bool) {
		tick := time.NewTicker(max(every, time.Millisecond))
		defer tick.Stop()
		for first, last := true, (Job{}); ; first = false {
			changed := e.worker.Changed()
			j, err := e.Get(ctx, tenant, id)
			if err != nil {
				yield(nil, err)
				return
			}
			if first || j.Version != last.Version || j.Progress != last.Progress {
				last = *j
				if !yield(j, nil) {
					return
				}
			}
			if !j.State.Active() {
				return
			}
			select {
			case <-ctx.Done():
				yield(nil, ctx.Err())
				return
			case <-changed:
			case <-tick.C:
			}
		}
	}
}

// Manifest returns the manifest of a completed export.
func (e *Engine) Manifest(ctx context.Context, tenant, id string) (*manifest.Manifest, error) {
	_, m, _, err := e.open(ctx, tenant, id)
	return m, err
}

// Verify proves that a completed export is still what was written.
func (e *Engine) Verify(ctx context.Context, tenant, id string) (*manifest.Manifest, error) {
	_, m, d, err := e.open(ctx, tenant, id)
	if err != nil {
		return nil, err
	}
	if err := m.VerifyFiles(ctx, d.Sink, m.Key, nil); err != nil {
		return m, failure("", err)
	}
	return m, nil
}

// open returns a job whose files may be handed out now, with its archive.
func (e *Engine) open(ctx context.Context, tenant, id string) (queue.Job, *manifest.Manifest, Destination, error) {
	j, err := e.downloadable(ctx, tenant, id)
	if err != nil {
		return j, nil, Destination{}, err
	}
	m, d, err := e.archive(ctx, j)
	if err != nil {
		return j, nil, d, e.gone(ctx, j, d, err)
	}
	return j, m, d, nil
}

// A Download asks for a file of a completed export.
type Download struct {
	Tenant string
	Job    string
	// File is its index in Manifest.Files.
	File int
	// Offset and Length are the byte range; a Length of 0 means to the end.
	Offset, Length int64
	// Actor stands in the audit log.
	Actor string
}

// A File is an open file of an export. Close it.
type File struct {
	io.ReadCloser
	manifest.File
}

// Download opens a file, or a byte range of it, and notes it in the audit log.
// A file that somebody removed at the destination gives CodeExpired, and the
// job then says so.
func (e *Engine) Download(ctx context.Context, d Download) (*File, error) {
	j, m, dest, err := e.open(ctx, d.Tenant, d.Job)
	if err != nil {
		return nil, err
	}
	switch {
	case d.File < 0 || d.File >= len(m.Files):
		return nil, &Error{Code: CodeNotFound, Job: d.Job, Message: "the export has no such file"}
	case d.Offset < 0 || d.Length < 0 || d.Offset > m.Files[d.File].Bytes:
		return nil, &Error{Code: CodeBadRange, Job: d.Job, Message: "the byte range is not within the file"}
	}
	if d.Length == 0 {
		d.Length = -1
	}
	f := m.Files[d.File]
	r, err := dest.Sink.Open(ctx, f.Key, d.Offset, d.Length)
	if err != nil {
		return nil, e.gone(ctx, j, dest, &pipeline.WriteError{Err: err})
	}
	entry := e.entry(queue.Audit, d.Tenant, d.Job, eventDownloaded, d.Actor, queue.Payload{Version: payloadVersion, Data: []byte(f.Key)})
	if _, err := e.config.Store.Update(ctx, queue.Update{Tenant: d.Tenant}, []queue.Entry{entry}); err != nil {
		_ = r.Close()
		return nil, storeError(d.Job, err)
	}
	bytes := f.Bytes - d.Offset
	if d.Length >= 0 {
		bytes = min(bytes, d.Length)
	}
	observe.Tell(ctx, e.config.Observer, observe.Downloaded{Job: observed(j), File: d.File, Bytes: bytes})
	return &File{ReadCloser: r, File: f}, nil
}

// downloadable returns the job if its files may be handed out now.
func (e *Engine) downloadable(ctx context.Context, tenant, id string) (queue.Job, error) {
	j, err := e.config.Store.Get(ctx, tenant, id)
	if err != nil {
		return j, storeError(id, err)
	}
	switch {
	case j.State == queue.Expired || j.State == queue.Completed && late(j):
		return j, &Error{Code: CodeExpired, Job: id, Message: "the files are gone", Hint: "run the export again"}
	case j.State != queue.Completed:
		return j, &Error{Code: CodeNotReady, Job: id, Message: "the export is " + string(j.State)}
	}
	return j, nil
}

// late reports whether a job was past its expiry when the store answered.
func late(j queue.Job) bool { return !j.ExpiresAt.IsZero() && !j.Now.Before(j.ExpiresAt) }

// gone lets a job whose object was removed behind our back say so. What is
// left at a tenant's own destination is not touched then.
func (e *Engine) gone(ctx context.Context, j queue.Job, d Destination, err error) error {
	if !errors.Is(err, sink.ErrNotFound) {
		return failure("", err)
	}
	_, lateErr := e.config.Store.Update(ctx, queue.Update{Tenant: j.Tenant, Job: j.ID, Event: queue.Retire}, nil)
	switch {
	case lateErr != nil:
	case d.Own:
		lateErr = e.markExpired(ctx, j)
	default:
		lateErr = e.expire(ctx, j)
	}
	if lateErr != nil {
		e.config.Logger.WarnContext(ctx, "a job whose files are gone", "job", j.ID, "err", lateErr)
	}
	return &Error{
		Code: CodeExpired, Job: j.ID, Message: "the files were removed at the destination",
		Hint: "run the export again", Err: err,
	}
}
