package queue_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/queue"
)

func TestClaimable(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		job    func(*queue.Job)
		part   func(*queue.Part)
		alone  bool
		wanted bool
	}{
		{name: "ready", wanted: true},
		{name: "leased", part: func(p *queue.Part) { p.State = queue.Leased }},
		{name: "sealed", part: func(p *queue.Part) { p.State = queue.Sealed }},
		{name: "of an ended job", job: func(j *queue.Job) { j.State = queue.Failed }},
		{name: "of a pending job", job: func(j *queue.Job) { j.State = queue.Pending }, wanted: true},
		{name: "before its time", part: func(p *queue.Part) { p.NotBefore = now.Add(time.Microsecond) }},
		{name: "at its time", part: func(p *queue.Part) { p.NotBefore = now }, wanted: true},
		{name: "suspect, not alone", part: func(p *queue.Part) { p.Suspect = true }},
		{name: "suspect, alone", part: func(p *queue.Part) { p.Suspect = true }, alone: true, wanted: true},
		{name: "seal, too early", part: func(p *queue.Part) { p.Kind = queue.SealPart }},
		{name: "seal", job: func(j *queue.Job) { j.PartsSealed = 2 }, part: func(p *queue.Part) { p.Kind = queue.SealPart }, wanted: true},
		{name: "seal of a job that is not planned", job: func(j *queue.Job) { j.State, j.PartsSealed = queue.Pending, 2 }, part: func(p *queue.Part) { p.Kind = queue.SealPart }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			j, p := jobIn(queue.Running), queue.Part{Kind: queue.RowsPart, State: queue.Ready}
			if c.job != nil {
				c.job(&j)
			}
			if c.part != nil {
				c.part(&p)
			}
			require.Equal(t, c.wanted, queue.Claimable(j, p, c.alone, now))
		})
	}
}

func TestMakeDecidesAllButTheRequest(t *testing.T) {
	t.Parallel()
	n := queue.NewJob{
		Job: queue.Job{
			ID: "id", Tenant: "t", Kind: "k", Slot: "s", Actor: "a", IdempotencyKey: "i", Fingerprint: "f", RetryOf: "r", Request: text("q"),
			State: queue.Expired, Rows: 1, Crashes: 1, Version: 9, ExpiresAt: now,
		},
		MaxAge: time.Hour,
		First:  []queue.Part{{Kind: queue.PlanPart, Payload: text("p"), Fence: 9}, {Kind: queue.SealPart, State: queue.Sealed}},
	}
	job, first := n.Make(now)
	require.Empty(t, cmp.Diff(queue.Job{
		ID: "id", Tenant: "t", Kind: "k", Slot: "s", Actor: "a", IdempotencyKey: "i", Fingerprint: "f", RetryOf: "r", Request: text("q"),
		State: queue.Pending, Parts: 2, RowsPlanned: -1, Version: 1, CreatedAt: now, DeadlineAt: now.Add(time.Hour), Now: now,
	}, job))
	require.Empty(t, cmp.Diff([]queue.Part{
		{Job: "id", Tenant: "t", Number: 0, Kind: queue.PlanPart, State: queue.Ready, Payload: text("p")},
		{Job: "id", Tenant: "t", Number: 1, Kind: queue.SealPart, State: queue.Ready},
	}, first))
}

func TestEntriesIn(t *testing.T) {
	t.Parallel()
	entries := []queue.Entry{{ID: "a"}, {ID: "b", When: queue.Running}, {ID: "c", When: queue.Failed}}
	require.Equal(t, []queue.Entry{{ID: "a"}, {ID: "b"}}, queue.EntriesIn(queue.Running, entries))
	require.Equal(t, []queue.Entry{{ID: "a"}}, queue.EntriesIn("", entries))
	require.Equal(t, queue.Running, entries[1].When, "the caller's entry was changed")
}

func TestDueKinds(t *testing.T) {
	t.Parallel()
	over, ahead := now, now.Add(time.Microsecond)
	for _, c := range []struct {
		name string
		job  queue.Job
		want []queue.DueKind
	}{
		{"active", queue.Job{State: queue.Running, DeadlineAt: ahead}, nil},
		{"past its deadline", queue.Job{State: queue.Pending, DeadlineAt: over}, []queue.DueKind{queue.DueDeadline}},
		{"ended past its deadline", queue.Job{State: queue.Failed, DeadlineAt: over}, nil},
		{"to be cleaned", queue.Job{State: queue.Failed, CleanAt: over}, []queue.DueKind{queue.DueCleaning}},
		{"to be cleaned later", queue.Job{State: queue.Failed, CleanAt: ahead}, nil},
		{"expired and to be cleaned", queue.Job{State: queue.Completed, ExpiresAt: over, CleanAt: over}, []queue.DueKind{queue.DueExpiry, queue.DueCleaning}},
		{"to expire later", queue.Job{State: queue.Completed, ExpiresAt: ahead}, nil},
		{"kept for ever", queue.Job{State: queue.Completed}, nil},
		{"held past all clocks", queue.Job{State: queue.Completed, Held: true, ExpiresAt: over, CleanAt: over, NoticeAt: over}, nil},
		{"held and failed", queue.Job{State: queue.Failed, Held: true, CleanAt: over}, nil},
		{"held past its deadline", queue.Job{State: queue.Running, Held: true, DeadlineAt: over}, []queue.DueKind{queue.DueDeadline}},
		{"to be told of", queue.Job{State: queue.Completed, ExpiresAt: ahead, NoticeAt: over}, []queue.DueKind{queue.DueNotice}},
		{"to be told of later", queue.Job{State: queue.Completed, ExpiresAt: ahead, NoticeAt: ahead}, nil},
		{"too late to tell", queue.Job{State: queue.Completed, ExpiresAt: over, NoticeAt: over}, []queue.DueKind{queue.DueExpiry, queue.DueNotice}},
		{"expired before", queue.Job{State: queue.Expired, ExpiresAt: over}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, c.job.DueKinds(now))
		})
	}
}

func TestMixDue(t *testing.T) {
	t.Parallel()
	of := func(kind queue.DueKind, n int) []queue.Due {
		list := make([]queue.Due, n)
		for i := range list {
			list[i].Kind = kind
		}
		return list
	}
	var got []queue.DueKind
	for _, d := range queue.MixDue(6, of("a", 9), nil, of("b", 1), of("c", 2)) {
		got = append(got, d.Kind)
	}
	require.Equal(t, []queue.DueKind{"a", "b", "c", "a", "c", "a"}, got)
	require.Empty(t, queue.MixDue(0, of("a", 9)))
	require.Empty(t, queue.MixDue(9))
}

func TestPageSize(t *testing.T) {
	t.Parallel()
	for limit, want := range map[int]int{-1: 50, 0: 50, 1: 1, 1000: 1000, 1001: 1000} {
		require.Equal(t, want, queue.ListQuery{Limit: limit}.PageSize())
	}
}

func TestConflictErrorNamesTheJob(t *testing.T) {
	t.Parallel()
	var err error = &queue.ConflictError{Active: queue.Job{ID: "job-7"}}
	require.ErrorIs(t, err, queue.ErrConflict)
	require.EqualError(t, err, "queue: job job-7: slot is taken by an active job")
}

func TestLocalRings(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		bell := queue.NewLocal()
		for range 3 { // rings that nobody waits for are one
			require.NoError(t, bell.Ring(t.Context()))
		}
		require.NoError(t, bell.Wait(t.Context()))

		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		require.ErrorIs(t, bell.Wait(ctx), context.DeadlineExceeded, "there was a second ring")

		woken := make(chan error, 1)
		go func() { woken <- bell.Wait(t.Context()) }()
		synctest.Wait()
		require.Empty(t, woken)
		require.NoError(t, bell.Ring(t.Context()))
		require.NoError(t, <-woken)
	})
}

func TestErrorsAreApart(t *testing.T) {
	t.Parallel()
	all := []error{queue.ErrNotFound, queue.ErrConflict, queue.ErrIdempotencyMismatch, queue.ErrFenced, queue.ErrBadTransition, queue.ErrStale, queue.ErrCursor}
	for i, a := range all {
		for k, b := range all {
			require.Equal(t, i == k, errors.Is(a, b))
		}
	}
}

func TestCreateTx_OfAStoreThatCannot(t *testing.T) {
	t.Parallel()
	_, _, err := queue.CreateTx(t.Context(), struct{ queue.JobStore }{}, nil, queue.NewJob{}, nil)
	require.ErrorIs(t, err, errors.ErrUnsupported)
}
