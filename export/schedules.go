package export

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/exportyard/exportyard/internal/scheduler"
	"github.com/exportyard/exportyard/queue"
)

// Schedules is the door to the schedules of an engine. Its methods need a store that is
// a [queue.ScheduleStore]; with another one they return an [*Error] with
// CodeUnsupported. Ticks are taken by engines that run, each by one of them.
type Schedules struct {
	engine    *Engine
	store     queue.ScheduleStore // nil when the engine's is none
	scheduler *scheduler.Scheduler
}

// Schedules returns the door to the schedules of the engine's store.
func (e *Engine) Schedules() *Schedules { return e.schedules }

// newSchedules wires the engine's scheduler.
func newSchedules(e *Engine) *Schedules {
	s := &Schedules{engine: e}
	if s.store, _ = e.config.Store.(queue.ScheduleStore); s.store == nil {
		return s
	}
	s.scheduler = scheduler.New(scheduler.Config{
		Store: s.store, Make: s.order, Started: e.requested, Ended: s.ranOut,
		MaxFailures: e.config.MaxFailures, Now: e.config.Now,
		Entry: func(kind queue.EntryKind, of queue.Schedule, what, actor string, data queue.Payload) queue.Entry {
			return e.entry(kind, of.Tenant, "", what, actor, data)
		},
		PauseReason: func(of queue.Schedule, _ int) queue.Payload {
			return (&Error{
				Code: CodeFailing, Schedule: of.ID, Message: "too many of its exports failed one after the other",
				Hint: "look at its last runs, then resume it",
			}).payload()
		},
	})
	return s
}

// ready says whether there is a store for schedules.
func (s *Schedules) ready() error {
	if s.store == nil {
		return &Error{Code: CodeUnsupported, Message: "this job store keeps no schedules", Hint: "use one that is a queue.ScheduleStore"}
	}
	return nil
}

// Create stores a schedule, which is active at once. If the tenant has or had one with
// this ID, that one is returned with existing true and nothing is changed, so that any
// number of hosts may make sure that a tenant has it. A schedule that could never make
// an export gives an [*Error] with all its problems, and nothing is stored.
func (s *Schedules) Create(ctx context.Context, n Schedule, actor string) (made *Schedule, existing bool, err error) {
	if err := s.ready(); err != nil {
		return nil, false, err
	}
	if n.ID == "" {
		n.ID = s.engine.config.NewID()
	}
	stored, err := s.checked(ctx, n)
	if err != nil {
		return nil, false, err
	}
	of, existing, err := s.scheduler.Create(ctx, stored, s.changed(stored, eventScheduleCreated, actor))
	if err != nil {
		return nil, false, scheduleError(n.ID, err)
	}
	made, err = scheduleOf(of)
	return made, existing, err
}

// Edit gives a schedule the owner, the settings and the schedule to follow that it has
// here, all of them, and plans its next run anew. With a Version that is not 0 the
// schedule must still be in it: else the [*Error] has CodeStale.
func (s *Schedules) Edit(ctx context.Context, n Schedule, actor string) (*Schedule, error) {
	if err := s.ready(); err != nil {
		return nil, err
	}
	now, err := s.store.GetSchedule(ctx, n.Tenant, n.ID)
	if err != nil {
		return nil, scheduleError(n.ID, err)
	}
	stored, err := s.checked(ctx, n)
	if err != nil {
		return nil, err
	}
	if stored.Version = n.Version; n.Version == 0 {
		stored.Version = now.Version
	}
	return s.done(s.scheduler.Edit(ctx, stored, s.changed(stored, eventScheduleEdited, actor)))
}

// Pause lets a schedule stand still until it is resumed. Exports that it started go on.
func (s *Schedules) Pause(ctx context.Context, tenant, id, actor string) (*Schedule, error) {
	reason := &Error{Code: CodePaused, Schedule: id, Message: "somebody paused it"}
	return s.change(ctx, tenant, id, actor, queue.PauseSchedule, reason.payload())
}

// Resume lets a paused schedule go on with the next tick from now on.
func (s *Schedules) Resume(ctx context.Context, tenant, id, actor string) (*Schedule, error) {
	return s.change(ctx, tenant, id, actor, queue.ResumeSchedule, queue.Payload{})
}

// Remove ends a schedule. Its runs and its exports stay; those are kept as long as its
// retention said. Its ID is not free again.
func (s *Schedules) Remove(ctx context.Context, tenant, id, actor string) error {
	_, err := s.change(ctx, tenant, id, actor, queue.RemoveSchedule, queue.Payload{})
	return err
}

// change makes a change that a person asked for, to the schedule as it is.
func (s *Schedules) change(ctx context.Context, tenant, id, actor string, e queue.ScheduleEvent, reason queue.Payload) (*Schedule, error) {
	if err := s.ready(); err != nil {
		return nil, err
	}
	now, err := s.store.GetSchedule(ctx, tenant, id)
	if err != nil {
		return nil, scheduleError(id, err)
	}
	switch e {
	case queue.ResumeSchedule:
		return s.done(s.scheduler.Resume(ctx, now, s.changed(now, eventScheduleResumed, actor)))
	case queue.PauseSchedule:
		return s.done(s.store.ChangeSchedule(ctx, queue.ScheduleChange{
			Tenant: tenant, Schedule: id, Version: now.Version, Event: e, Reason: reason,
		}, []queue.Entry{s.changed(now, scheduler.Paused, actor)}))
	default:
		return s.done(s.store.ChangeSchedule(ctx, queue.ScheduleChange{
			Tenant: tenant, Schedule: id, Version: now.Version, Event: e,
		}, []queue.Entry{s.changed(now, eventScheduleRemoved, actor)}))
	}
}

// done turns what the store returned into what the host gets.
func (s *Schedules) done(of queue.Schedule, err error) (*Schedule, error) {
	if err != nil {
		return nil, scheduleError(of.ID, err)
	}
	return scheduleOf(of)
}

// RunNow makes an export of the schedule now, beside its ticks, and returns its job. It
// is refused like a request is.
func (s *Schedules) RunNow(ctx context.Context, tenant, id, actor string) (*Job, error) {
	if err := s.ready(); err != nil {
		return nil, err
	}
	run, err := s.scheduler.RunNow(ctx, tenant, id, actor)
	var taken *queue.ConflictError
	var refusal *scheduler.Refusal
	switch {
	case errors.As(err, &taken), errors.As(err, &refusal):
		return nil, s.engine.refused(ctx, Request{Tenant: tenant, Actor: actor}, scheduleError(id, err))
	case err != nil:
		return nil, scheduleError(id, err)
	}
	s.engine.ring(ctx)
	return s.engine.Get(ctx, tenant, run.Job)
}

// Get returns a schedule of the tenant, also one that was removed.
func (s *Schedules) Get(ctx context.Context, tenant, id string) (*Schedule, error) {
	if err := s.ready(); err != nil {
		return nil, err
	}
	of, err := s.store.GetSchedule(ctx, tenant, id)
	if err != nil {
		return nil, scheduleError(id, err)
	}
	return scheduleOf(of)
}

// List returns at most limit schedules of the tenant in order of their IDs, those above
// after, or those of the platform for the empty tenant; removed ones are left out.
func (s *Schedules) List(ctx context.Context, tenant, after string, limit int) ([]*Schedule, error) {
	if err := s.ready(); err != nil {
		return nil, err
	}
	page, err := s.store.Schedules(ctx, tenant, after, limit)
	if err != nil {
		return nil, scheduleError("", err)
	}
	out := make([]*Schedule, len(page))
	for i := range page {
		if out[i], err = scheduleOf(page[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Runs returns at most limit runs of a schedule, newest first, those numbered below
// before; the first page is before 0.
func (s *Schedules) Runs(ctx context.Context, tenant, id string, before int64, limit int) ([]Run, error) {
	if err := s.ready(); err != nil {
		return nil, err
	}
	if _, err := s.store.GetSchedule(ctx, tenant, id); err != nil {
		return nil, scheduleError(id, err)
	}
	page, err := s.store.Runs(ctx, tenant, id, before, limit)
	if err != nil {
		return nil, scheduleError(id, err)
	}
	out := make([]Run, len(page))
	for i := range page {
		out[i] = runOf(page[i])
	}
	return out, nil
}

// changed is the audit entry of a change that somebody made.
func (s *Schedules) changed(of queue.Schedule, what, actor string) queue.Entry {
	data, err := json.Marshal(struct {
		Schedule string          `json:"schedule"`
		Owner    string          `json:"owner,omitempty"`
		Follows  string          `json:"follows,omitempty"`
		Settings json.RawMessage `json:"settings,omitempty"`
	}{of.ID, of.Owner, of.Follows, of.Settings.Data})
	if err != nil { // the settings are not JSON: newer code wrote them
		data = []byte(`{}`)
	}
	return s.engine.entry(queue.Audit, of.Tenant, "", what, actor, queue.Payload{Version: payloadVersion, Data: data})
}

// checked returns a schedule as it is stored, or all that is wrong with it.
func (s *Schedules) checked(ctx context.Context, n Schedule) (queue.Schedule, error) {
	out := queue.Schedule{ID: n.ID, Tenant: n.Tenant, Owner: n.Owner, Follows: n.Follows}
	own, err := n.settings()
	if err == nil {
		out.Settings, err = own.Payload()
	}
	if err != nil {
		return out, &Error{Code: CodeInternal, Schedule: n.ID, Message: "the schedule cannot be written", Err: err}
	}
	var p problems
	in := own
	switch {
	case n.Follows != "" && n.Tenant == "":
		p.add(CodeExclusive, "follows", "leave it out", "a schedule of the platform follows none")
	case n.Follows != "":
		followed, err := s.store.GetSchedule(ctx, "", n.Follows)
		switch {
		case errors.Is(err, queue.ErrNotFound), err == nil && followed.State == ScheduleRemoved:
			p.add(CodeNotFound, "follows", "choose one of the platform's schedules", "no schedule %q", n.Follows)
		case err != nil:
			return out, scheduleError(n.ID, err)
		}
		others, err := scheduler.Read(followed.Settings)
		if err != nil {
			return out, scheduleError(n.Follows, err)
		}
		in = own.Over(others)
	}
	for _, bad := range in.Problems() {
		p.add(settingCodes[bad.Field], bad.Field, "", "%s", bad.Message)
	}
	if err := s.checkRequest(ctx, n, in, &p); err != nil {
		return out, err
	}
	if err := p.err(); err != nil {
		return out, err
	}
	return out, nil
}

// settingCodes are the codes of what can be wrong with a setting.
var settingCodes = map[string]Code{
	"timing": CodeBadTiming, "zone": CodeUnknownZone, "spread": CodeBadRange, "range": CodeBadRange, "retention": CodeBadRange,
}

// checkRequest adds what is wrong with the request of a schedule, as it would be made
// now. That of the platform is of no tenant, so no catalog is asked about it.
func (s *Schedules) checkRequest(ctx context.Context, n Schedule, in scheduler.Settings, p *problems) error {
	if len(in.Request) == 0 {
		if n.Tenant != "" {
			p.add(CodeRequired, "request", "say what to export", "is missing")
		}
		return nil
	}
	if r := n.Request; r != nil {
		if r.Tenant != "" || r.Actor != "" || r.Zone != "" || r.IdempotencyKey != "" || !r.From.IsZero() || !r.To.IsZero() {
			p.add(CodeExclusive, "request", "set zone and range of the schedule", "tenant, actor, zone, from, to and key are the schedule's")
			return nil
		}
	}
	if len(*p) > 0 {
		return nil // without a zone and a range there is no request
	}
	r, err := requestAt(in, n.Tenant, n.Owner, s.engine.config.Now())
	if err != nil {
		p.add(CodeUnprocessable, "request", "", "%v", err)
		return nil
	}
	var wrong problems
	if n.Tenant == "" {
		r.Tenant = "anybody"
		r.check(s.engine, &wrong)
	} else if wrong, err = s.engine.check(ctx, r); err != nil {
		return err
	}
	for _, w := range wrong {
		w.Field = "request." + w.Field
		*p = append(*p, w)
	}
	return nil
}

// requestAt returns the request that settings mean at a nominal time.
func requestAt(in scheduler.Settings, tenant, actor string, nominal time.Time) (Request, error) {
	from, to, err := in.RangeAt(nominal)
	if err != nil {
		return Request{}, err
	}
	return ordered(scheduler.Order{Schedule: queue.Schedule{Tenant: tenant}, Settings: in, From: from, To: to, Actor: actor})
}
