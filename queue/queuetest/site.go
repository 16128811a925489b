package queuetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/exportyard/exportyard/queue"
)

const (
	tenant = "acme"
	lease  = time.Hour // longer than any test takes
)

// A site is where a rule is tested: a store and the steps that lead to a state. A step
// that goes wrong ends the test.
type site struct {
	testing.TB
	ctx context.Context
	Harness
	ids atomic.Int64
}

func newSite(t testing.TB, h Harness) *site {
	if h.Rounds == 0 {
		h.Rounds = 3
	}
	if h.Parts == 0 {
		h.Parts = 10_000
	}
	return &site{TB: t, ctx: t.Context(), Harness: h}
}

func (s *site) id(of string) string { return fmt.Sprintf("%s-%d", of, s.ids.Add(1)) }

func text(v string) queue.Payload { return queue.Payload{Version: 1, Data: []byte(v)} }

// draft is a job of a slot of its own, with a plan and a seal part.
func (s *site) draft() queue.NewJob {
	id := s.id("job")
	return queue.NewJob{
		Job: queue.Job{ID: id, Tenant: tenant, Kind: "archive", Slot: id, Actor: "ann", Fingerprint: "f", Request: text("request")},
		First: []queue.Part{
			{Kind: queue.PlanPart, Payload: text("plan")},
			{Kind: queue.SealPart, Payload: text("seal")},
		},
	}
}

func (s *site) create(n queue.NewJob, entries ...queue.Entry) queue.Job {
	s.Helper()
	j, existing, err := s.Store.Create(s.ctx, n, entries)
	s.noError(err, "create")
	if existing {
		s.Fatalf("create of %s found an existing job %s", n.ID, j.ID)
	}
	return j
}

// pending returns a new job.
func (s *site) pending() queue.Job { s.Helper(); return s.create(s.draft()) }

// running returns a job whose plan made n rows parts. No other job may have
// claimable parts.
func (s *site) running(n int) queue.Job { s.Helper(); return s.planned(s.draft(), n) }

func (s *site) planned(n queue.NewJob, parts int) queue.Job {
	s.Helper()
	s.create(n)
	return s.seal(s.claimOf(n.ID), func(f *queue.Finish) { f.Planned, f.RowsPlanned = rowsParts(parts), int64(10*parts) })
}

func rowsParts(n int) []queue.Part {
	parts := make([]queue.Part, n)
	for i := range parts {
		parts[i] = queue.Part{Kind: queue.RowsPart, Payload: text(fmt.Sprintf("rows %d", i+1))}
	}
	return parts
}

// completed returns a job without rows parts that is done.
func (s *site) completed(keep time.Duration) queue.Job {
	s.Helper()
	j := s.running(0)
	return s.seal(s.claimOf(j.ID), func(f *queue.Finish) { f.Result, f.Keep = text("result"), keep })
}

func (s *site) claim(limit int) []queue.Claimed {
	s.Helper()
	return s.claimAs(queue.Claim{Worker: "w", Limit: limit, Lease: lease})
}

func (s *site) claimAs(c queue.Claim) []queue.Claimed {
	s.Helper()
	got, err := s.Store.Claim(s.ctx, c)
	s.noError(err, "claim")
	return got
}

// claimOf claims one part, which must be of this job. The worker has one hand.
func (s *site) claimOf(job string) queue.Claimed {
	s.Helper()
	return s.oneOf(job, s.claim(1))
}

func (s *site) claimAlone(job string) queue.Claimed {
	s.Helper()
	return s.oneOf(job, s.claimAs(queue.Claim{Worker: "w", Limit: 1, Alone: true, Lease: lease}))
}

func (s *site) oneOf(job string, got []queue.Claimed) queue.Claimed {
	s.Helper()
	if len(got) != 1 || got[0].Job.ID != job || got[0].Part.Job != job {
		s.Fatalf("claim gave %s, want one part of %s", names(got), job)
	}
	return got[0]
}

func names(claimed []queue.Claimed) string {
	var list []string
	for _, c := range claimed {
		list = append(list, fmt.Sprintf("%s/%d", c.Job.ID, c.Part.Number))
	}
	return fmt.Sprint(list)
}

func finish(c queue.Claimed, outcome queue.Outcome) queue.Finish {
	return queue.Finish{
		Tenant: c.Part.Tenant, Job: c.Part.Job, Number: c.Part.Number, Fence: c.Part.Fence, Outcome: outcome,
		Reason: text("reason"), MaxCrashes: 3,
	}
}

func (s *site) finish(f queue.Finish, entries ...queue.Entry) queue.Job {
	s.Helper()
	j, err := s.Store.Finish(s.ctx, f, entries)
	s.noError(err, "finish with "+string(f.Outcome))
	return j
}

func (s *site) seal(c queue.Claimed, with ...func(*queue.Finish)) queue.Job {
	s.Helper()
	f := finish(c, queue.Seal)
	f.Receipt = text("receipt")
	for _, w := range with {
		w(&f)
	}
	return s.finish(f)
}

// lose lets the lease of a part run out and takes it back.
func (s *site) lose(c queue.Claimed) queue.Job {
	s.Helper()
	s.Advance(lease)
	return s.finish(finish(c, queue.LeaseOver))
}

func (s *site) update(j queue.Job, e queue.Event, with ...func(*queue.Update)) queue.Job {
	s.Helper()
	u := queue.Update{Tenant: j.Tenant, Job: j.ID, Event: e, Reason: text("reason")}
	for _, w := range with {
		w(&u)
	}
	j, err := s.Store.Update(s.ctx, u, nil)
	s.noError(err, "update with "+string(e))
	return j
}

func (s *site) get(j queue.Job) queue.Job {
	s.Helper()
	got, err := s.Store.Get(s.ctx, j.Tenant, j.ID)
	s.noError(err, "get")
	return got
}

func (s *site) parts(j queue.Job) []queue.Part {
	s.Helper()
	parts, err := s.Store.Parts(s.ctx, j.Tenant, j.ID, -1, 20_000)
	s.noError(err, "parts")
	return parts
}

func (s *site) part(j queue.Job, number int) queue.Part {
	s.Helper()
	parts, err := s.Store.Parts(s.ctx, j.Tenant, j.ID, number-1, 1)
	s.noError(err, "parts")
	if len(parts) != 1 || parts[0].Number != number {
		s.Fatalf("part %d is not there", number)
	}
	return parts[0]
}

func (s *site) entry(when queue.State) queue.Entry {
	id := s.id("entry")
	return queue.Entry{ID: id, Kind: queue.Audit, Tenant: tenant, Type: "test." + id, Actor: "ann", Data: text(id), When: when}
}

// written returns the IDs of the tenant's audit entries.
func (s *site) written() []string {
	s.Helper()
	entries, err := s.Entries.Entries(s.ctx, tenant, queue.Audit, 0, 20_000)
	s.noError(err, "entries")
	ids := []string{}
	for _, e := range entries {
		ids = append(ids, e.ID)
	}
	return ids
}

func (s *site) due() []queue.Due {
	s.Helper()
	due, err := s.Store.Due(s.ctx, 1000)
	s.noError(err, "due")
	return due
}

// A view is all that can be seen of a job, without the time of looking.
type view struct {
	Job     queue.Job
	Parts   []queue.Part
	Entries []string
}

func (s *site) view(j queue.Job) view {
	s.Helper()
	v := view{Job: s.get(j), Parts: s.parts(j), Entries: s.written()}
	v.Job.Now = time.Time{}
	// A store that shares its slices must not change the view too.
	own := func(p *queue.Payload) { p.Data = bytes.Clone(p.Data) }
	own(&v.Job.Request)
	own(&v.Job.Reason)
	own(&v.Job.Result)
	for i := range v.Parts {
		own(&v.Parts[i].Payload)
		own(&v.Parts[i].Receipt)
		own(&v.Parts[i].Reason)
	}
	return v
}

// unchanged fails if the job can be told from what it was.
func (s *site) unchanged(was view, after string) {
	s.Helper()
	if now := s.view(was.Job); !reflect.DeepEqual(was, now) {
		s.Fatalf("%s changed the job:\nwas %+v\nnow %+v", after, was, now)
	}
}

func (s *site) noError(err error, what string) {
	s.Helper()
	if err != nil {
		s.Fatalf("%s: %v", what, err)
	}
}

func (s *site) wantError(err, want error, what string) {
	s.Helper()
	if !errors.Is(err, want) {
		s.Fatalf("%s: error is %v, want one that wraps %q", what, err, want)
	}
}

// same compares without the time of looking.
func (s *site) same(got, want queue.Job, what string) {
	s.Helper()
	got.Now, want.Now = time.Time{}, time.Time{}
	if !reflect.DeepEqual(got, want) {
		s.Fatalf("%s:\ngot  %+v\nwant %+v", what, got, want)
	}
}

// equal fails unless got is want.
func equal[T any](s *site, got, want T, what string) {
	s.Helper()
	if !reflect.DeepEqual(got, want) {
		s.Fatalf("%s is %v, want %v", what, got, want)
	}
}

// together runs f for 0 to n-1 at the same time and waits for all.
func together(n int, f func(i int)) {
	var all sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		all.Go(func() {
			<-start
			f(i)
		})
	}
	close(start)
	all.Wait()
}
