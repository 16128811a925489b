package queue_test

import (
	"errors"
	"flag"
	"os"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/fair"
	"github.com/exportyard/exportyard/queue/memstore"
)

// The machine runs 2,000 sequences of 100 steps, fewer under the race detector, which
// has nothing to find there; -rapid.checks=10000 for more.
func TestMain(m *testing.M) {
	for name, value := range map[string]string{"rapid.checks": machineRuns, "rapid.steps": "100"} {
		if err := flag.Set(name, value); err != nil {
			panic(err)
		}
	}
	flag.Parse()
	os.Exit(m.Run())
}

// A machine is the simplest store there is, of one job, made of the rules alone. A
// memstore goes beside it and must agree with it at every step.
type machine struct {
	now   time.Time
	job   queue.Job
	parts []queue.Part
	// fences are the highest that were given, by part.
	fences map[int]int64
	store  *memstore.Store
}

const lease = time.Minute

func newMachine(t *rapid.T) *machine {
	m := &machine{now: now, fences: map[int]int64{}}
	m.store = memstore.New(&memstore.Options{Now: func() time.Time { return m.now }})
	n := queue.NewJob{
		Job:    queue.Job{ID: "job", Tenant: "acme", Slot: "slot"},
		First:  []queue.Part{{Kind: queue.PlanPart}, {Kind: queue.SealPart}},
		MaxAge: 100 * time.Minute,
	}
	m.job, m.parts = n.Make(m.now)
	stored, _, err := m.store.Create(t.Context(), n, nil)
	m.agree(t, nil, err, &stored)
	return m
}

// agree compares what the rules say with what the store answered and keeps.
func (m *machine) agree(t *rapid.T, want, got error, answer *queue.Job) {
	t.Helper()
	for _, sentinel := range []error{queue.ErrFenced, queue.ErrBadTransition} {
		if errors.Is(want, sentinel) != errors.Is(got, sentinel) {
			t.Fatalf("the store says %v, the rules %v", got, want)
		}
	}
	if (want == nil) != (got == nil) {
		t.Fatalf("the store says %v, the rules %v", got, want)
	}
	m.job.Now, m.job.Rows, m.job.Bytes = m.now, 0, 0
	for _, p := range m.parts {
		if p.Kind == queue.RowsPart && (p.State == queue.Sealed || p.State == queue.Leased) {
			m.job.Rows += p.Rows
			m.job.Bytes += p.Bytes
		}
	}
	job, err := m.store.Get(t.Context(), "acme", "job")
	if err != nil {
		t.Fatal(err)
	}
	if diff := differ(m.job, job); diff != "" {
		t.Fatalf("job: %s", diff)
	}
	if answer != nil && got == nil {
		if diff := differ(m.job, *answer); diff != "" {
			t.Fatalf("answer: %s", diff)
		}
	}
	parts, err := m.store.Parts(t.Context(), "acme", "job", -1, 100)
	if err != nil {
		t.Fatal(err)
	}
	if diff := differ(m.parts, parts); diff != "" {
		t.Fatalf("parts: %s", diff)
	}
}

// differ is [cmp.Diff] for values that mostly are equal.
func differ(want, got any) string {
	if reflect.DeepEqual(want, got) {
		return ""
	}
	return cmp.Diff(want, got)
}

// write takes over what a rule made of the job, and does what is left to a store.
func (m *machine) write(j queue.Job) {
	if m.job.State.Active() && !j.State.Active() {
		for i, p := range m.parts {
			m.parts[i] = p.Cancel()
		}
	}
	m.job = j
}

func (m *machine) update(t *rapid.T) {
	u := queue.Update{
		Tenant: "acme", Job: "job",
		Event: rapid.SampledFrom(events).Draw(t, "event"),
		Again: rapid.SampledFrom([]time.Duration{0, time.Minute}).Draw(t, "again"),
	}
	if rapid.IntRange(0, 9).Draw(t, "rare") > 0 && (u.Event == queue.Cancel || u.Event == queue.Fail) {
		return // else no job would live long
	}
	j, want := u.Apply(m.job, m.now)
	if want == nil {
		m.write(j)
	}
	answer, got := m.store.Update(t.Context(), u, nil)
	m.agree(t, want, got, &answer)
}

func (m *machine) claim(t *rapid.T) {
	c := queue.Claim{Worker: "w", Limit: rapid.IntRange(0, 3).Draw(t, "limit"), Alone: rapid.Bool().Draw(t, "alone"), Lease: lease}
	var want []queue.Claimed
	if m.job.State.Active() {
		want = fair.Pick(c, []fair.Offer{{Job: m.job, Parts: m.parts}}, fair.InFlight{}, m.now)
	}
	for _, w := range want {
		m.job = w.Job
		m.parts[w.Part.Number] = w.Part
		if w.Part.Fence <= m.fences[w.Part.Number] {
			t.Fatalf("fence %d was given twice", w.Part.Fence)
		}
		m.fences[w.Part.Number] = w.Part.Fence
	}
	got, err := m.store.Claim(t.Context(), c)
	m.agree(t, nil, err, nil)
	if len(got) != len(want) {
		t.Fatalf("the store gave %d parts, the rules %d", len(got), len(want))
	}
	for i := range got {
		if diff := differ(want[i].Part, got[i].Part); diff != "" {
			t.Fatal(diff)
		}
	}
}

// shown draws a part and a fence: mostly the one under which it is.
func (m *machine) shown(t *rapid.T) (queue.Part, int64) {
	p := m.parts[rapid.IntRange(0, len(m.parts)-1).Draw(t, "part")]
	return p, p.Fence + rapid.SampledFrom([]int64{0, 0, 0, 0, -1, 1}).Draw(t, "off")
}

func (m *machine) renew(t *rapid.T) {
	p, fence := m.shown(t)
	l := queue.Lease{Tenant: "acme", Job: "job", Number: p.Number, Fence: fence, Rows: 3, Bytes: 30}
	renewed, want := p.Renew(l, m.now, lease)
	if !m.job.State.Active() {
		want = queue.ErrFenced
	}
	if want == nil {
		m.parts[p.Number] = renewed
	}
	got, err := m.store.Renew(t.Context(), queue.Renew{Leases: []queue.Lease{l}, Lease: lease})
	m.agree(t, nil, err, nil)
	if got[0] != (queue.Renewed{Lost: want != nil, JobState: m.job.State}) {
		t.Fatalf("the answer is %+v, the rules say %v", got[0], want)
	}
}

func (m *machine) finish(t *rapid.T) {
	p, fence := m.shown(t)
	f := queue.Finish{
		Tenant: "acme", Job: "job", Number: p.Number, Fence: fence, MaxCrashes: 3,
		Outcome: rapid.SampledFrom(append(slices.Clone(outcomes), queue.Seal, queue.Seal, queue.LeaseOver)).Draw(t, "outcome"),
		Rows:    5, Bytes: 50, Delay: rapid.SampledFrom([]time.Duration{0, time.Second}).Draw(t, "delay"), Keep: time.Minute, Notice: 30 * time.Second,
		Planned: make([]queue.Part, rapid.IntRange(0, 3).Draw(t, "planned")), RowsPlanned: 7,
	}
	if f.Outcome == queue.Refuse && rapid.IntRange(0, 4).Draw(t, "rare") > 0 {
		return
	}
	j, part, want := f.Apply(m.job, p, m.now)
	if want == nil {
		m.parts[p.Number] = part
		if part.State == queue.Sealed && part.Kind == queue.PlanPart {
			seal := m.parts[1]
			seal.Number = len(f.Planned) + 1
			m.parts = append(append(m.parts[:1], f.PlannedParts(j)...), seal)
		}
		m.write(j)
	}
	answer, got := m.store.Finish(t.Context(), f, nil)
	m.agree(t, want, got, &answer)
}

func (m *machine) wait(t *rapid.T) {
	m.now = m.now.Add(rapid.SampledFrom([]time.Duration{time.Microsecond, time.Second, lease}).Draw(t, "time"))
	m.agree(t, nil, nil, nil)
}

// sound holds of every job at every time.
func (m *machine) sound(t *rapid.T) {
	sealed, open := 0, 0
	for i, p := range m.parts {
		if p.Number != i {
			t.Fatalf("part %d is at %d", p.Number, i)
		}
		switch p.State {
		case queue.Sealed:
			sealed++
		case queue.Ready, queue.Leased:
			open++
		}
		if (p.State == queue.Leased) == p.LeaseUntil.IsZero() {
			t.Fatalf("a part that is %s is leased until %v", p.State, p.LeaseUntil)
		}
	}
	j := m.job
	switch {
	case j.PartsSealed != sealed, j.Parts != len(m.parts):
		t.Fatalf("%d of %d parts are sealed; the job says %d of %d", sealed, len(m.parts), j.PartsSealed, j.Parts)
	case j.State == queue.Completed && sealed != len(m.parts):
		t.Fatalf("completed with %d parts of %d", sealed, len(m.parts))
	case !j.State.Active() && open > 0:
		t.Fatalf("%s with %d open parts", j.State, open)
	case j.State.Active() != j.FinishedAt.IsZero():
		t.Fatalf("%s, finished at %v", j.State, j.FinishedAt)
	case j.State.Active() && j.Crashes >= 3:
		t.Fatalf("active after %d crashes", j.Crashes)
	}
	kinds := j.DueKinds(m.now)
	due, err := m.store.Due(t.Context(), 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range m.parts {
		if p.LeaseOver(m.now) {
			kinds = append(kinds, queue.DueLease)
		}
	}
	if j.Held && len(kinds) > 0 && !j.State.Active() {
		t.Fatalf("%v of a held job", kinds)
	}
	if len(due) != len(kinds) {
		t.Fatalf("%d things are due, the rules say %v", len(due), kinds)
	}
}

// frozen remembers what may never change again.
type frozen struct {
	state  queue.State
	sealed map[int]queue.Part
}

func TestR4_Machine(t *testing.T) {
	t.Parallel()
	ends := map[queue.State]int{}
	rapid.Check(t, func(t *rapid.T) {
		m := newMachine(t)
		defer func() { ends[m.job.State]++ }()
		was := frozen{state: m.job.State, sealed: map[int]queue.Part{}}
		version := m.job.Version
		t.Repeat(map[string]func(*rapid.T){
			"update": m.update, "claim": m.claim, "claim again": m.claim, "renew": m.renew, "finish": m.finish, "finish again": m.finish, "wait": m.wait,
			"": func(t *rapid.T) {
				m.sound(t)
				if m.job.Version < version {
					t.Fatalf("version %d after %d", m.job.Version, version)
				}
				version = m.job.Version
				if was.state != m.job.State && !follows(was.state, m.job.State) {
					t.Fatalf("%s after %s", m.job.State, was.state)
				}
				was.state = m.job.State
				for n, p := range was.sealed {
					if diff := differ(p, m.parts[n]); diff != "" {
						t.Fatalf("a sealed part changed: %s", diff)
					}
				}
				for n, p := range m.parts {
					if p.State == queue.Sealed {
						was.sealed[n] = p
					}
				}
			},
		})
	})
	for _, s := range states {
		require.NotZero(t, ends[s], "no job came to be %s", s)
	}
	t.Log("jobs by their end:", ends)
}

// follows reports whether the table has a way from one state to the other.
func follows(from, to queue.State) bool {
	for _, s := range leadsTo[from] {
		if s == to {
			return true
		}
	}
	return false
}
