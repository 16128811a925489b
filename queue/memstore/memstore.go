package memstore

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/exportyard/exportyard/queue"
)

var (
	_ queue.JobStore    = (*Store)(nil)
	_ queue.EntryReader = (*Store)(nil)
)

// Options adjust a Store.
type Options struct {
	// Now is the store's clock. Default: [time.Now].
	Now func() time.Time
}

// A Store keeps jobs in memory. It is safe for concurrent use.
type Store struct {
	now func() time.Time

	mu       sync.Mutex
	jobs     map[string]*record         // by ID
	active   map[string]*record         // by slot
	keys     map[idempotencyKey]*record // those that came with a key
	tenants  map[string][]*record       // oldest first
	entries  map[string][]queue.Entry   // by tenant, in order of Seq
	entryIDs map[string]struct{}
	claims   int64

	schedules map[scheduleKey]*standing
	events    map[string][]*event // the entries of the outbox, by tenant
	// unsettled are the events that are not delivered yet, oldest first.
	unsettled []*event
}

type idempotencyKey struct{ tenant, key string }

// New makes an empty Store.
func New(opts *Options) *Store {
	s := &Store{
		now:      time.Now,
		jobs:     make(map[string]*record),
		active:   make(map[string]*record),
		keys:     make(map[idempotencyKey]*record),
		tenants:  make(map[string][]*record),
		entries:  make(map[string][]queue.Entry),
		entryIDs: make(map[string]struct{}),

		schedules: make(map[scheduleKey]*standing),
		events:    make(map[string][]*event),
	}
	if opts != nil && opts.Now != nil {
		s.now = opts.Now
	}
	return s
}

// begin takes the lock and the time. The caller unlocks unless there is an error.
func (s *Store) begin(ctx context.Context) (time.Time, error) {
	if err := ctx.Err(); err != nil {
		return time.Time{}, fmt.Errorf("memstore: %w", err)
	}
	s.mu.Lock()
	return s.now().UTC().Truncate(time.Microsecond), nil
}

// Create stores a job and its first parts.
func (s *Store) Create(ctx context.Context, n queue.NewJob, entries []queue.Entry) (queue.Job, bool, error) {
	now, err := s.begin(ctx)
	if err != nil {
		return queue.Job{}, false, err
	}
	defer s.mu.Unlock()
	if r, ok := s.keys[idempotencyKey{n.Tenant, n.IdempotencyKey}]; ok {
		if r.job.Fingerprint != n.Fingerprint {
			return queue.Job{}, false, fmt.Errorf("memstore: create: job %s: %w", r.job.ID, queue.ErrIdempotencyMismatch)
		}
		return r.read(now), true, nil
	}
	if r, ok := s.active[n.Slot]; ok {
		return queue.Job{}, false, &queue.ConflictError{Active: r.read(now)}
	}
	r, err := s.create(n, entries, now)
	if err != nil {
		return queue.Job{}, false, err
	}
	return r.read(now), false, nil
}

// create stores a job whose slot is free, with the entries that are for it.
func (s *Store) create(n queue.NewJob, entries []queue.Entry, now time.Time) (*record, error) {
	if _, ok := s.jobs[n.ID]; ok {
		return nil, fmt.Errorf("memstore: create: there is a job %q already", n.ID)
	}
	job, parts := n.Make(now)
	if err := s.append(job.State, entries, now); err != nil {
		return nil, err
	}
	r := newRecord(job, parts, int64(len(s.jobs)), int64(len(s.tenants[n.Tenant])+1))
	s.jobs[job.ID], s.active[job.Slot] = r, r
	s.tenants[job.Tenant] = append(s.tenants[job.Tenant], r)
	if job.IdempotencyKey != "" {
		s.keys[idempotencyKey{job.Tenant, job.IdempotencyKey}] = r
	}
	return r, nil
}

// Get returns the tenant's job.
func (s *Store) Get(ctx context.Context, tenant, id string) (queue.Job, error) {
	now, err := s.begin(ctx)
	if err != nil {
		return queue.Job{}, err
	}
	defer s.mu.Unlock()
	r, err := s.find(tenant, id)
	if err != nil {
		return queue.Job{}, err
	}
	return r.read(now), nil
}

// List returns a page of the tenant's jobs, newest first.
func (s *Store) List(ctx context.Context, q queue.ListQuery) ([]queue.Job, string, error) {
	now, err := s.begin(ctx)
	if err != nil {
		return nil, "", err
	}
	defer s.mu.Unlock()
	records := s.tenants[q.Tenant]
	before := int64(len(records) + 1)
	if q.After != "" {
		if before, err = queue.ParseCursor(q.Tenant, q.After); err != nil {
			return nil, "", err
		}
	}
	var jobs []queue.Job
	var last int64
	for _, r := range slices.Backward(records) {
		if r.seq >= before || !matches(q, r.job) {
			continue
		}
		if len(jobs) == q.PageSize() {
			return jobs, queue.Cursor(q.Tenant, last), nil
		}
		jobs, last = append(jobs, r.read(now)), r.seq
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
	if _, err := s.begin(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	r, err := s.find(tenant, job)
	if err != nil {
		return nil, err
	}
	var parts []queue.Part
	for _, p := range r.parts {
		if p.Number > after && len(parts) < limit {
			parts = append(parts, clonePart(p))
		}
	}
	return parts, nil
}

// Update applies an event to a job, or only appends entries.
func (s *Store) Update(ctx context.Context, u queue.Update, entries []queue.Entry) (queue.Job, error) {
	now, err := s.begin(ctx)
	if err != nil {
		return queue.Job{}, err
	}
	defer s.mu.Unlock()
	if u.Job == "" {
		return queue.Job{}, s.append("", entries, now)
	}
	r, err := s.find(u.Tenant, u.Job)
	if err != nil {
		return queue.Job{}, err
	}
	job, err := u.Apply(r.job, now)
	if err != nil {
		return queue.Job{}, err
	}
	if err := s.append(job.State, entries, now); err != nil {
		return queue.Job{}, err
	}
	s.write(r, job)
	return r.read(now), nil
}

// Claim leases parts to a worker.
func (s *Store) Claim(ctx context.Context, c queue.Claim) ([]queue.Claimed, error) {
	now, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	claimed := c.Pick(s.offers(c, now), now)
	for i, got := range claimed {
		r := s.jobs[got.Job.ID]
		r.job = cloneJob(got.Job)
		*r.part(got.Part.Number) = clonePart(got.Part)
		s.claims++
		r.claimed = s.claims
		claimed[i] = queue.Claimed{Job: r.read(now), Part: clonePart(got.Part)}
	}
	return claimed, nil
}

// offers returns what the worker may claim, in the order of rotation.
func (s *Store) offers(c queue.Claim, now time.Time) []queue.Offer {
	rotation := make([]*record, 0, len(s.active))
	for _, r := range s.active {
		rotation = append(rotation, r)
	}
	slices.SortFunc(rotation, func(a, b *record) int {
		return cmp.Or(cmp.Compare(a.claimed, b.claimed), cmp.Compare(a.ord, b.ord))
	})
	offers := make([]queue.Offer, 0, len(rotation))
	for _, r := range rotation {
		if parts := r.claimable(c, now); len(parts) > 0 {
			offers = append(offers, queue.Offer{Job: r.job, Parts: parts})
		}
	}
	return offers
}

// Renew prolongs leases and stores progress.
func (s *Store) Renew(ctx context.Context, q queue.Renew) ([]queue.Renewed, error) {
	now, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	answers := make([]queue.Renewed, len(q.Leases))
	for i, l := range q.Leases {
		answers[i] = s.renew(l, now, q.Lease)
	}
	return answers, nil
}

func (s *Store) renew(l queue.Lease, now time.Time, lease time.Duration) queue.Renewed {
	r, err := s.find(l.Tenant, l.Job)
	if err != nil {
		return queue.Renewed{Lost: true}
	}
	p := r.part(l.Number)
	if p == nil || !r.job.State.Active() {
		return queue.Renewed{Lost: true, JobState: r.job.State}
	}
	renewed, err := p.Renew(l, now, lease)
	if err != nil {
		return queue.Renewed{Lost: true, JobState: r.job.State}
	}
	*p = renewed
	return queue.Renewed{JobState: r.job.State}
}

// Finish ends the lease of a part.
func (s *Store) Finish(ctx context.Context, f queue.Finish, entries []queue.Entry) (queue.Job, error) {
	now, err := s.begin(ctx)
	if err != nil {
		return queue.Job{}, err
	}
	defer s.mu.Unlock()
	r, err := s.find(f.Tenant, f.Job)
	if err != nil {
		return queue.Job{}, err
	}
	p := r.part(f.Number)
	if p == nil {
		return queue.Job{}, fmt.Errorf("memstore: part %d of job %s: %w", f.Number, f.Job, queue.ErrNotFound)
	}
	job, part, err := f.Apply(r.job, *p, now)
	if err != nil {
		return queue.Job{}, err
	}
	if err := s.append(job.State, entries, now); err != nil {
		return queue.Job{}, err
	}
	*p = clonePart(part)
	if part.State == queue.Sealed {
		r.sealed(part, f.PlannedParts(job))
	}
	s.write(r, job)
	return r.read(now), nil
}

// Due returns what the sweeper must look at.
func (s *Store) Due(ctx context.Context, limit int) ([]queue.Due, error) {
	now, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	var leases, deadlines, expiries, cleanings []queue.Due
	for _, r := range s.jobs {
		for _, p := range r.open() {
			if p.LeaseOver(now) {
				leases = append(leases, queue.Due{Kind: queue.DueLease, Job: r.read(now), Part: clonePart(p)})
			}
		}
		for _, kind := range r.job.DueKinds(now) {
			d := queue.Due{Kind: kind, Job: r.read(now)}
			switch kind {
			case queue.DueDeadline:
				deadlines = append(deadlines, d)
			case queue.DueExpiry:
				expiries = append(expiries, d)
			case queue.DueCleaning:
				cleanings = append(cleanings, d)
			}
		}
	}
	longestFirst(leases, func(d queue.Due) time.Time { return d.Part.LeaseUntil })
	longestFirst(deadlines, func(d queue.Due) time.Time { return d.Job.DeadlineAt })
	longestFirst(expiries, func(d queue.Due) time.Time { return d.Job.ExpiresAt })
	longestFirst(cleanings, func(d queue.Due) time.Time { return d.Job.CleanAt })
	return queue.MixDue(limit, leases, deadlines, expiries, cleanings), nil
}

func longestFirst(list []queue.Due, since func(queue.Due) time.Time) {
	slices.SortFunc(list, func(a, b queue.Due) int {
		return cmp.Or(since(a).Compare(since(b)), cmp.Compare(a.Job.ID, b.Job.ID), cmp.Compare(a.Part.Number, b.Part.Number))
	})
}

// Entries returns the tenant's entries of a kind.
func (s *Store) Entries(ctx context.Context, tenant string, kind queue.EntryKind, after int64, limit int) ([]queue.Entry, error) {
	if _, err := s.begin(ctx); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	var found []queue.Entry
	for _, e := range s.entries[tenant] {
		if e.Kind == kind && e.Seq > after && len(found) < limit {
			e.Data = clonePayload(e.Data)
			found = append(found, e)
		}
	}
	return found, nil
}

// append appends all entries that are for this state, or none.
func (s *Store) append(state queue.State, entries []queue.Entry, now time.Time) error {
	entries = queue.EntriesIn(state, entries)
	ids := make(map[string]struct{}, len(entries))
	for _, e := range entries {
		_, stored := s.entryIDs[e.ID]
		if _, twice := ids[e.ID]; stored || twice {
			return fmt.Errorf("memstore: there is an entry %q already", e.ID)
		}
		ids[e.ID] = struct{}{}
	}
	for _, e := range entries {
		e.At, e.Seq = now, int64(len(s.entries[e.Tenant])+1)
		e.Data = clonePayload(e.Data)
		s.entries[e.Tenant] = append(s.entries[e.Tenant], e)
		s.entryIDs[e.ID] = struct{}{}
		if e.Kind == queue.Outbox {
			sent := &event{Delivery: queue.Delivery{Entry: e}}
			s.events[e.Tenant] = append(s.events[e.Tenant], sent)
			s.unsettled = append(s.unsettled, sent)
		}
	}
	return nil
}

func (s *Store) find(tenant, id string) (*record, error) {
	if r, ok := s.jobs[id]; ok && r.job.Tenant == tenant {
		return r, nil
	}
	return nil, fmt.Errorf("memstore: job %s: %w", id, queue.ErrNotFound)
}

// write stores the job; one that is no longer active frees its slot, and its open
// parts end.
func (s *Store) write(r *record, job queue.Job) {
	if r.job.State.Active() && !job.State.Active() {
		delete(s.active, job.Slot)
		r.cancel()
	}
	r.job = cloneJob(job)
}
