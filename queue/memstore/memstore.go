package memstore

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/chain"
	"github.com/exportyard/exportyard/queue/cursor"
	"github.com/exportyard/exportyard/queue/feed"
	"github.com/exportyard/exportyard/queue/memstore/internal/journal"
	"github.com/exportyard/exportyard/queue/memstore/internal/latch"
	"github.com/exportyard/exportyard/queue/memstore/internal/row"
)

var (
	_ queue.JobStore    = (*Store)(nil)
	_ queue.EntryReader = (*Store)(nil)
	_ queue.OutboxStore = (*Store)(nil)
	_ queue.InboxStore  = (*Store)(nil)
	_ chain.Store       = (*Store)(nil)
	_ feed.Store        = (*Store)(nil)
)

// Options adjust a Store.
type Options struct {
	// Now is the store's clock. Default: [time.Now].
	Now func() time.Time
	// AuditKeys chain the audit log, so that no entry can be altered unseen. Default:
	// nil, no chain.
	AuditKeys *chain.Keys
}

// A Store keeps jobs in memory. It is safe for concurrent use.
type Store struct {
	latch     *latch.Latch
	jobs      map[string]*row.Job         // by ID
	active    map[string]*row.Job         // by slot
	keys      map[idempotencyKey]*row.Job // those that came with a key
	tenants   map[string][]*row.Job       // oldest first
	created   int64                       // how many jobs were, also those that are forgotten
	seqs      map[string]int64            // the same by tenant
	claims    int64
	turns     map[string]int64 // by tenant, the number of its last claim
	schedules map[scheduleKey]*row.Schedule
	*entries
}

// entries are the methods of [queue.EntryReader], [queue.OutboxStore],
// [queue.InboxStore], [chain.Store] and [feed.Store].
type entries = journal.Store

type idempotencyKey struct{ tenant, key string }

// New makes an empty Store.
func New(opts *Options) *Store {
	var o Options
	if opts != nil {
		o = *opts
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	l := latch.New(o.Now)
	return &Store{
		latch:     l,
		jobs:      make(map[string]*row.Job),
		active:    make(map[string]*row.Job),
		keys:      make(map[idempotencyKey]*row.Job),
		tenants:   make(map[string][]*row.Job),
		seqs:      make(map[string]int64),
		turns:     make(map[string]int64),
		schedules: make(map[scheduleKey]*row.Schedule),
		entries:   journal.New(l, o.AuditKeys),
	}
}

// Create stores a job and its first parts.
func (s *Store) Create(ctx context.Context, n queue.NewJob, entries []queue.Entry) (queue.Job, bool, error) {
	now, err := s.latch.Begin(ctx)
	if err != nil {
		return queue.Job{}, false, err
	}
	defer s.latch.End()
	if r, ok := s.keys[idempotencyKey{n.Tenant, n.IdempotencyKey}]; ok {
		if r.Job.Fingerprint != n.Fingerprint {
			return queue.Job{}, false, fmt.Errorf("memstore: create: job %s: %w", r.Job.ID, queue.ErrIdempotencyMismatch)
		}
		return r.Read(now), true, nil
	}
	if r, ok := s.active[n.Slot]; ok {
		return queue.Job{}, false, &queue.ConflictError{Active: r.Read(now)}
	}
	r, err := s.create(n, entries, now)
	if err != nil {
		return queue.Job{}, false, err
	}
	return r.Read(now), false, nil
}

// create stores a job whose slot is free, with the entries that are for it.
func (s *Store) create(n queue.NewJob, entries []queue.Entry, now time.Time) (*row.Job, error) {
	if _, ok := s.jobs[n.ID]; ok {
		return nil, fmt.Errorf("memstore: create: there is a job %q already", n.ID)
	}
	job, parts := n.Make(now)
	if err := journal.Append(s.entries, job.State, entries, now); err != nil {
		return nil, err
	}
	s.created++
	s.seqs[job.Tenant]++
	r := row.NewJob(job, parts, s.created, s.seqs[job.Tenant])
	s.jobs[job.ID], s.active[job.Slot] = r, r
	s.tenants[job.Tenant] = append(s.tenants[job.Tenant], r)
	if job.IdempotencyKey != "" {
		s.keys[idempotencyKey{job.Tenant, job.IdempotencyKey}] = r
	}
	return r, nil
}

// Get returns the tenant's job.
func (s *Store) Get(ctx context.Context, tenant, id string) (queue.Job, error) {
	now, err := s.latch.Begin(ctx)
	if err != nil {
		return queue.Job{}, err
	}
	defer s.latch.End()
	r, err := s.find(tenant, id)
	if err != nil {
		return queue.Job{}, err
	}
	return r.Read(now), nil
}

// List returns a page of the tenant's jobs, newest first.
func (s *Store) List(ctx context.Context, q queue.ListQuery) ([]queue.Job, string, error) {
	now, err := s.latch.Begin(ctx)
	if err != nil {
		return nil, "", err
	}
	defer s.latch.End()
	records := s.tenants[q.Tenant]
	before := s.seqs[q.Tenant] + 1
	if q.After != "" {
		if before, err = cursor.Seq(q.Tenant, q.After); err != nil {
			return nil, "", err
		}
	}
	var jobs []queue.Job
	var last int64
	for _, r := range slices.Backward(records) {
		if r.Seq >= before || !matches(q, r.Job) {
			continue
		}
		if len(jobs) == q.PageSize() {
			return jobs, cursor.Make(q.Tenant, last), nil
		}
		jobs, last = append(jobs, r.Read(now)), r.Seq
	}
	return jobs, "", nil
}

func matches(q queue.ListQuery, j queue.Job) bool {
	return (len(q.States) == 0 || slices.Contains(q.States, j.State)) &&
		(q.Kind == "" || q.Kind == j.Kind) &&
		(q.Actor == "" || q.Actor == j.Actor)
}

// Parts returns a page of a job's parts.
func (s *Store) Parts(ctx context.Context, tenant, job string, after, limit int) ([]queue.Part, error) {
	if _, err := s.latch.Begin(ctx); err != nil {
		return nil, err
	}
	defer s.latch.End()
	r, err := s.find(tenant, job)
	if err != nil {
		return nil, err
	}
	var parts []queue.Part
	for _, p := range r.Parts {
		if p.Number > after && len(parts) < limit {
			parts = append(parts, row.ClonePart(p))
		}
	}
	return parts, nil
}

// Update applies an event to a job, or only appends entries.
func (s *Store) Update(ctx context.Context, u queue.Update, entries []queue.Entry) (queue.Job, error) {
	now, err := s.latch.Begin(ctx)
	if err != nil {
		return queue.Job{}, err
	}
	defer s.latch.End()
	if u.Job == "" {
		return queue.Job{}, journal.Append(s.entries, "", entries, now)
	}
	r, err := s.find(u.Tenant, u.Job)
	if err != nil {
		return queue.Job{}, err
	}
	job, err := u.Apply(r.Job, now)
	if err != nil {
		return queue.Job{}, err
	}
	if err := journal.Append(s.entries, job.State, entries, now); err != nil {
		return queue.Job{}, err
	}
	s.write(r, job)
	return r.Read(now), nil
}

// Finish ends the lease of a part.
func (s *Store) Finish(ctx context.Context, f queue.Finish, entries []queue.Entry) (queue.Job, error) {
	now, err := s.latch.Begin(ctx)
	if err != nil {
		return queue.Job{}, err
	}
	defer s.latch.End()
	r, err := s.find(f.Tenant, f.Job)
	if err != nil {
		return queue.Job{}, err
	}
	p := r.Part(f.Number)
	if p == nil {
		return queue.Job{}, fmt.Errorf("memstore: part %d of job %s: %w", f.Number, f.Job, queue.ErrNotFound)
	}
	job, part, err := f.Apply(r.Job, *p, now)
	if err != nil {
		return queue.Job{}, err
	}
	if err := journal.Append(s.entries, job.State, entries, now); err != nil {
		return queue.Job{}, err
	}
	r.SetPart(part)
	if part.State == queue.Sealed && part.Kind == queue.PlanPart {
		r.Plan(f.PlannedParts(job))
	}
	s.write(r, job)
	return r.Read(now), nil
}

// Due returns what the sweeper must look at.
func (s *Store) Due(ctx context.Context, limit int) ([]queue.Due, error) {
	now, err := s.latch.Begin(ctx)
	if err != nil {
		return nil, err
	}
	defer s.latch.End()
	found := make(map[queue.DueKind][]queue.Due)
	for _, r := range s.jobs {
		for _, p := range r.LeasesOver(now) {
			found[queue.DueLease] = append(found[queue.DueLease], queue.Due{Kind: queue.DueLease, Job: r.Read(now), Part: row.ClonePart(p)})
		}
		for _, kind := range r.Job.DueKinds(now) {
			found[kind] = append(found[kind], queue.Due{Kind: kind, Job: r.Read(now)})
		}
	}
	lists := make([][]queue.Due, len(dueKinds))
	for i, k := range dueKinds {
		lists[i] = found[k.kind]
		longestFirst(lists[i], k.since)
	}
	return queue.MixDue(limit, lists...), nil
}

// dueKinds says of each kind since when a thing has been due.
var dueKinds = []struct {
	kind  queue.DueKind
	since func(queue.Due) time.Time
}{
	{queue.DueLease, func(d queue.Due) time.Time { return d.Part.LeaseUntil }},
	{queue.DueDeadline, func(d queue.Due) time.Time { return d.Job.DeadlineAt }},
	{queue.DueExpiry, func(d queue.Due) time.Time { return d.Job.ExpiresAt }},
	{queue.DueCleaning, func(d queue.Due) time.Time { return d.Job.CleanAt }},
	{queue.DueNotice, func(d queue.Due) time.Time { return d.Job.NoticeAt }},
}

func longestFirst(list []queue.Due, since func(queue.Due) time.Time) {
	slices.SortFunc(list, func(a, b queue.Due) int {
		return cmp.Or(since(a).Compare(since(b)), cmp.Compare(a.Job.ID, b.Job.ID), cmp.Compare(a.Part.Number, b.Part.Number))
	})
}

func (s *Store) find(tenant, id string) (*row.Job, error) {
	if r, ok := s.jobs[id]; ok && r.Job.Tenant == tenant {
		return r, nil
	}
	return nil, fmt.Errorf("memstore: job %s: %w", id, queue.ErrNotFound)
}

// write stores the job; one that is no longer active frees its slot.
func (s *Store) write(r *row.Job, job queue.Job) {
	if r.Job.State.Active() && !job.State.Active() {
		delete(s.active, job.Slot)
	}
	r.Set(job)
}
