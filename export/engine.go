package export

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/singleflight"

	"github.com/exportyard/exportyard/export/observe"
	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/internal/backoff"
	"github.com/exportyard/exportyard/internal/clock"
	"github.com/exportyard/exportyard/internal/formats"
	"github.com/exportyard/exportyard/internal/instant"
	"github.com/exportyard/exportyard/internal/plan"
	"github.com/exportyard/exportyard/internal/probe"
	"github.com/exportyard/exportyard/internal/worker"
	"github.com/exportyard/exportyard/queue"
)

// An Engine takes requests, and works on them while Run runs. It is safe for
// concurrent use; several engines, on any number of hosts, share one store.
type Engine struct {
	config   Config
	retry    backoff.Policy
	worker   *worker.Worker
	instants *instant.Keeper
	sweepNow chan struct{}
	asking   singleflight.Group
	prover   *probe.Prover

	schedules *Schedules
	clock     *clock.Guard
	leaping   atomic.Bool // the store's clock is not believed

	mu     sync.Mutex
	plans  map[string]*cachedPlan
	watch  watch
	health checked
}

type cachedPlan struct {
	plan    *plan.Plan
	request Request
}

// New checks the configuration and returns an engine that does nothing until
// it is asked.
func New(config Config) (*Engine, error) {
	if err := config.validate(); err != nil {
		return nil, err
	}
	config = config.withDefaults()
	e := &Engine{
		config:   config,
		retry:    backoff.Policy{Base: config.RetryBase, Cap: config.RetryCap, Uint64N: config.Uint64N},
		instants: instant.New(config.Source, config.RequireSnapshot),
		sweepNow: make(chan struct{}, 1),
		plans:    make(map[string]*cachedPlan),
		prover:   probe.New(probe.Config{Keys: config.Keys, Every: config.ProbeEvery, Now: config.Now, NewID: config.NewID}),
	}
	e.worker = worker.New(worker.Config{
		Store: config.Store, Dispatcher: config.Dispatcher, Logger: config.Logger, Name: config.NewID(),
		Begin: e.beginPart, Do: e.do, Settled: e.settled, End: e.endPart, Parts: config.Parts,
		TenantParts: config.TenantParts, AllParts: config.AllParts,
		Lease: config.Lease, Poll: config.Poll, Grace: config.Grace, Retry: e.retry,
	})
	e.schedules, e.clock = newSchedules(e), clock.NewGuard(config.Now())
	return e, nil
}

// Request takes an export to be made in the background and returns its job. A
// request that cannot be taken gives an [*Error] with all its problems, and
// nothing is queued and nothing written.
func (e *Engine) Request(ctx context.Context, r Request) (*Job, error) {
	r = r.withDefaults()
	job, entries, err := e.prepare(ctx, r, origin{})
	if err != nil {
		return nil, e.refused(ctx, r, err)
	}
	created, existing, err := e.config.Store.Create(ctx, job, entries)
	if err != nil {
		return nil, e.refused(ctx, r, storeError("", err))
	}
	if !existing {
		e.requested(ctx, created)
		e.ring(ctx)
	}
	return e.job(created)
}

// requested tells observers of a job that was made.
func (e *Engine) requested(ctx context.Context, j queue.Job) {
	observe.Tell(ctx, e.config.Observer, observe.JobRequested{Job: observed(j), RetryOf: j.RetryOf})
}

// check returns all that is wrong with a request whose defaults are filled in.
func (e *Engine) check(ctx context.Context, r Request) (problems, error) {
	var p problems
	r.check(e, &p)
	if r.Tenant == "" {
		return p, nil
	}
	catalog, err := e.config.Source.Datasets(ctx, r.Tenant)
	if err != nil {
		return nil, &Error{Code: CodeUnavailable, Message: "the source's catalog did not answer", Hint: "try again in a moment", Retryable: true, Err: err}
	}
	r.pick(catalog, formats.Set(e.config.Formats).Find(r.Format, r.Profile), &p)
	return p, nil
}

// prepare checks a request and its destination, and returns the job to create for it
// with its entries.
func (e *Engine) prepare(ctx context.Context, r Request, from origin) (queue.NewJob, []queue.Entry, error) {
	p, err := e.check(ctx, r)
	if err == nil {
		err = p.err()
	}
	if err != nil {
		return queue.NewJob{}, nil, err
	}
	fingerprint, err := r.fingerprint()
	if err != nil {
		return queue.NewJob{}, nil, &Error{Code: CodeInternal, Message: "the request cannot be written", Err: err}
	}
	payload, err := encodePayload(taken{Request: r, origin: from})
	if err != nil {
		return queue.NewJob{}, nil, &Error{Code: CodeInternal, Message: "the request cannot be written", Err: err}
	}
	if err := e.probe(ctx, r); err != nil {
		return queue.NewJob{}, nil, err
	}
	job := queue.NewJob{
		Job: queue.Job{
			ID: e.config.NewID(), Tenant: r.Tenant, Kind: r.Kind, Actor: r.Actor,
			Slot:           slotOf(r),
			IdempotencyKey: r.IdempotencyKey, Fingerprint: fingerprint, RetryOf: r.retryOf,
			Request: payload, RowsPlanned: -1, Parts: 2,
		},
		MaxAge: e.config.MaxAge,
	}
	job.First = []queue.Part{
		{Job: job.ID, Tenant: r.Tenant, Number: 0, Kind: queue.PlanPart, State: queue.Ready},
		{Job: job.ID, Tenant: r.Tenant, Number: 1, Kind: queue.SealPart, State: queue.Ready},
	}
	what := eventRequested
	if r.retryOf != "" {
		what = eventRerun
	}
	return job, []queue.Entry{e.entry(queue.Audit, job.Tenant, job.ID, what, r.Actor, payload)}, nil
}

// slotOf names the active slot among all tenants. A tenant's id cannot run
// into the slot's name, since its length stands before it.
func slotOf(r Request) string {
	data, err := json.Marshal([]string{r.Tenant, r.Slot})
	if err != nil {
		return r.Tenant
	}
	return string(data)
}

// refused notes a refusal in the audit log and returns the error. A request
// without a tenant belongs in nobody's.
func (e *Engine) refused(ctx context.Context, r Request, err error) error {
	var refusal *Error
	if !errors.As(err, &refusal) {
		return err
	}
	observe.Tell(ctx, e.config.Observer, observe.JobRefused{Job: observe.Job{Tenant: r.Tenant, Kind: r.Kind}, Code: string(refusal.Code)})
	if r.Tenant == "" || refusal.Code == CodeUnavailable {
		return err
	}
	entry := e.entry(queue.Audit, r.Tenant, "", eventRefused, r.Actor, refusal.payload())
	if _, noteErr := e.config.Store.Update(ctx, queue.Update{Tenant: r.Tenant}, []queue.Entry{entry}); noteErr != nil {
		e.config.Logger.WarnContext(ctx, "a refusal is not in the audit log", "tenant", r.Tenant, "err", noteErr)
	}
	return err
}

// Rerun makes the same request again as a new job.
func (e *Engine) Rerun(ctx context.Context, tenant, id, actor string) (*Job, error) {
	j, err := e.config.Store.Get(ctx, tenant, id)
	if err != nil {
		return nil, storeError(id, err)
	}
	var r Request
	if err := decodePayload(j.Request, &r); err != nil {
		return nil, &Error{Code: CodeInternal, Job: id, Message: "the stored request cannot be read", Err: err}
	}
	r.Actor, r.retryOf = actor, id
	return e.Request(ctx, r)
}

// Cancel ends an active export. Every host stops working on it within a
// quarter of a lease, and what was written is removed.
func (e *Engine) Cancel(ctx context.Context, tenant, id, actor string) (*Job, error) {
	reason := (&Error{Code: CodeCanceled, Message: "canceled", Hint: "run it again when it is wanted"}).payload()
	j, err := e.config.Store.Update(ctx, queue.Update{Tenant: tenant, Job: id, Event: queue.Cancel, Reason: reason}, []queue.Entry{
		e.entry(queue.Audit, tenant, id, eventCanceled, actor, queue.Payload{}),
		e.entry(queue.Outbox, tenant, id, eventCanceled, actor, queue.Payload{}),
	})
	if err != nil {
		return nil, storeError(id, err)
	}
	e.tellEnded(ctx, j)
	e.worker.Stop(id)
	e.ring(ctx)
	return e.job(j)
}

// Delete removes the files of a completed export before their time; the record
// stays. It returns when they are gone.
func (e *Engine) Delete(ctx context.Context, tenant, id, actor string) error {
	j, err := e.config.Store.Get(ctx, tenant, id)
	if err != nil {
		return storeError(id, err)
	}
	switch {
	case j.State == queue.Expired:
		return nil
	case j.State.Active():
		return &Error{Code: CodeNotReady, Job: id, Message: "the export is still active", Hint: "cancel it instead"}
	case j.State != queue.Completed:
		return &Error{Code: CodeAlreadyFinished, Job: id, Message: "the export has no files"}
	case j.Held:
		return &Error{Code: CodeHeld, Job: id, Message: "the export is on hold", Hint: "ask the operator to release it"}
	}
	// Links are refused first, then the files go, then the row says so.
	j, err = e.config.Store.Update(ctx, queue.Update{Tenant: tenant, Job: id, Event: queue.Retire},
		[]queue.Entry{e.entry(queue.Audit, tenant, id, eventDeleted, actor, queue.Payload{})})
	if err != nil {
		return storeError(id, err)
	}
	return e.expire(ctx, j)
}

// requestOf decodes a job's request and finds its format.
func (e *Engine) requestOf(j queue.Job) (Request, format.Formatter, error) {
	var r Request
	if err := decodePayload(j.Request, &r); err != nil {
		return r, nil, err
	}
	f := formats.Set(e.config.Formats).Find(r.Format, r.Profile)
	if f == nil {
		return r, nil, &Error{Code: CodeUnknownFormat, Message: "this engine has no format " + r.Format, Hint: "run all engines of a store with the same formats"}
	}
	return r, f, nil
}

// planOf returns what the plan part of a job recorded.
func (e *Engine) planOf(ctx context.Context, j queue.Job) (*plan.Plan, Request, format.Formatter, error) {
	r, f, err := e.requestOf(j)
	if err != nil {
		return nil, r, nil, err
	}
	e.mu.Lock()
	cached := e.plans[j.ID]
	e.mu.Unlock()
	if cached != nil {
		return cached.plan, cached.request, f, nil
	}
	pl, err := e.loadPlan(ctx, j)
	if err != nil {
		return nil, r, nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.plans) >= 4*e.config.Parts { // more than can be in use
		clear(e.plans)
	}
	e.plans[j.ID] = &cachedPlan{plan: pl, request: r}
	return pl, r, f, nil
}

// loadPlan reads the plan part's receipt; nil when the job has none yet.
func (e *Engine) loadPlan(ctx context.Context, j queue.Job) (*plan.Plan, error) {
	parts, err := e.config.Store.Parts(ctx, j.Tenant, j.ID, -1, 1)
	if err != nil {
		return nil, err
	}
	if len(parts) == 0 || parts[0].Kind != queue.PlanPart || parts[0].State != queue.Sealed {
		return nil, errNoPlan
	}
	pl := new(plan.Plan)
	return pl, decodePayload(parts[0].Receipt, pl)
}

var errNoPlan = errors.New("export: the job has no plan")

// eachPart calls fn with all parts of a job, in order.
func (e *Engine) eachPart(ctx context.Context, j queue.Job, fn func(queue.Part) error) error {
	for after := -1; ; {
		page, err := e.config.Store.Parts(ctx, j.Tenant, j.ID, after, 1000)
		if err != nil {
			return err
		}
		for _, p := range page {
			if err := fn(p); err != nil {
				return err
			}
			after = p.Number
		}
		if len(page) < 1000 {
			return nil
		}
	}
}

// ring wakes workers; if it fails, the next sweep finds the work.
func (e *Engine) ring(ctx context.Context) {
	if err := e.config.Dispatcher.Ring(ctx); err != nil {
		e.config.Logger.WarnContext(ctx, "ringing the workers", "err", err)
	}
}
