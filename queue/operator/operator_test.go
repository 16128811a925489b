package operator_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/operator"
)

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func TestSelects(t *testing.T) {
	t.Parallel()
	const hour = time.Hour
	running := queue.Job{State: queue.Running}
	late := func(in time.Duration) operator.Job {
		j := operator.Job{Job: running}
		j.DeadlineAt = now.Add(in)
		return j
	}
	idle := func(since time.Duration, waits bool) operator.Job {
		return operator.Job{Job: running, ClaimedAt: now.Add(-since), Waits: waits}
	}
	for _, tt := range []struct {
		name  string
		query operator.Query
		job   operator.Job
		want  bool
	}{
		{"any", operator.Query{}, operator.Job{Job: running}, true},
		{"pending", operator.Query{}, operator.Job{Job: queue.Job{State: queue.Pending}}, true},
		{"ended", operator.Query{}, operator.Job{Job: queue.Job{State: queue.Failed}}, false},
		{"late", operator.Query{Only: operator.Late}, late(0), true},
		{"not late", operator.Query{Only: operator.Late}, late(1), false},
		{"soon late", operator.Query{Only: operator.Late, Span: hour}, late(hour), true},
		{"late later", operator.Query{Only: operator.Late, Span: hour}, late(hour + 1), false},
		{"no deadline", operator.Query{Only: operator.Late, Span: hour}, operator.Job{Job: running}, false},
		{"idle", operator.Query{Only: operator.Idle, Span: hour}, idle(hour, true), true},
		{"not idle", operator.Query{Only: operator.Idle, Span: hour}, idle(hour-1, true), false},
		{"at work for long", operator.Query{Only: operator.Idle, Span: hour}, idle(9*hour, false), false},
		{"suspect", operator.Query{Only: operator.Suspect}, operator.Job{Job: running, Suspect: true}, true},
		{"no suspect", operator.Query{Only: operator.Suspect}, operator.Job{Job: running}, false},
		{"suspect of an ended job", operator.Query{Only: operator.Suspect}, operator.Job{Job: queue.Job{State: queue.Failed}, Suspect: true}, false},
		{"an unknown trouble", operator.Query{Only: "lazy"}, operator.Job{Job: running}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, tt.query.Selects(tt.job, now))
		})
	}
}

func TestWaits(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		sealed int
		part   queue.Part
		want   bool
	}{
		{"ready", 1, queue.Part{Kind: queue.RowsPart, State: queue.Ready}, true},
		{"ready later", 1, queue.Part{Kind: queue.RowsPart, State: queue.Ready, NotBefore: now.Add(time.Hour)}, true},
		{"leased", 1, queue.Part{Kind: queue.RowsPart, State: queue.Leased}, false},
		{"suspect", 1, queue.Part{Kind: queue.RowsPart, State: queue.Ready, Suspect: true}, false},
		{"seal too early", 1, queue.Part{Kind: queue.SealPart, State: queue.Ready}, false},
		{"seal", 2, queue.Part{Kind: queue.SealPart, State: queue.Ready}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, operator.Waits(queue.Job{State: queue.Running, Parts: 3, PartsSealed: tt.sealed}, tt.part))
		})
	}
}

// Whatever can be claimed now waits, unless it is a suspect.
func TestWaits_WhatIsClaimable(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		j := queue.Job{
			State: rapid.SampledFrom([]queue.State{queue.Pending, queue.Running, queue.Failed}).Draw(t, "job"),
			Parts: 3, PartsSealed: rapid.IntRange(0, 3).Draw(t, "sealed"),
		}
		p := queue.Part{
			Kind:      rapid.SampledFrom([]queue.PartKind{queue.PlanPart, queue.RowsPart, queue.SealPart}).Draw(t, "kind"),
			State:     rapid.SampledFrom([]queue.PartState{queue.Ready, queue.Leased, queue.Sealed, queue.PartCanceled}).Draw(t, "part"),
			Suspect:   rapid.Bool().Draw(t, "suspect"),
			NotBefore: now.Add(rapid.SampledFrom([]time.Duration{-1, 0, 1}).Draw(t, "wait")),
		}
		if queue.Claimable(j, p, false, now) && !operator.Waits(j, p) {
			t.Fatalf("%+v of %+v can be claimed and does not wait", p, j)
		}
	})
}

func TestRequeue(t *testing.T) {
	t.Parallel()
	job := queue.Job{ID: "job", State: queue.Running, Crashes: 2, Version: 7}
	part := queue.Part{
		Number: 4, Kind: queue.RowsPart, State: queue.Leased, Fence: 3, Holder: "w", LeaseUntil: now, NotBefore: now,
		Alone: true, Suspect: true, Failures: 5, Rows: 6, Bytes: 60, Reason: queue.Payload{Version: 1},
	}
	fresh := queue.Part{Number: 4, Kind: queue.RowsPart, State: queue.Ready, Fence: 3, Holder: "w", Reason: part.Reason}
	for _, tt := range []struct {
		name string
		job  queue.State
		part queue.PartState
		ok   bool
	}{
		{"leased", queue.Running, queue.Leased, true},
		{"ready", queue.Pending, queue.Ready, true},
		{"sealed", queue.Running, queue.Sealed, false},
		{"failed", queue.Running, queue.PartFailed, false},
		{"of an ended job", queue.Canceled, queue.Leased, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			j, p := job, part
			j.State, p.State = tt.job, tt.part
			gotJob, gotPart, err := operator.Requeue{}.Apply(j, p)
			if !tt.ok {
				require.ErrorIs(t, err, queue.ErrBadTransition)
				require.Empty(t, cmp.Diff(j, gotJob))
				require.Empty(t, cmp.Diff(p, gotPart))
				return
			}
			require.NoError(t, err)
			require.Empty(t, cmp.Diff(fresh, gotPart))
			j.Crashes, j.Version = 0, 8
			require.Empty(t, cmp.Diff(j, gotJob))
		})
	}
}

func TestB17_Forget(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		forget  operator.Forget
		job     queue.Job
		awaited bool
		want    string
	}{
		{"expired", operator.Forget{}, queue.Job{State: queue.Expired}, false, ""},
		{"failed", operator.Forget{}, queue.Job{State: queue.Failed}, false, ""},
		{"completed, its files left", operator.Forget{LeaveFiles: true}, queue.Job{State: queue.Completed}, false, ""},
		{"completed", operator.Forget{}, queue.Job{State: queue.Completed}, false, "its files are there"},
		{"active", operator.Forget{LeaveFiles: true}, queue.Job{State: queue.Running}, false, "it is running"},
		{"held", operator.Forget{LeaveFiles: true}, queue.Job{State: queue.Completed, Held: true}, false, "it is held"},
		{"to be cleaned", operator.Forget{}, queue.Job{State: queue.Failed, CleanAt: now}, false, "a cleaning is due"},
		{"of a run that goes on", operator.Forget{}, queue.Job{State: queue.Failed}, true, "the end of its run is not recorded"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := tt.forget.Apply(tt.job, tt.awaited)
			if tt.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, queue.ErrBadTransition)
			require.ErrorContains(t, err, tt.want)
		})
	}
}
