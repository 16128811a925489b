package queue_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/queue"
)

var now = time.Date(2026, 11, 21, 12, 0, 0, 123456000, time.UTC)

func text(v string) queue.Payload { return queue.Payload{Version: 1, Data: []byte(v)} }

var (
	states   = []queue.State{queue.Pending, queue.Running, queue.Completed, queue.Failed, queue.Canceled, queue.Expired}
	events   = []queue.Event{queue.Plan, queue.Complete, queue.Fail, queue.Cancel, queue.Retire, queue.Expire, queue.Clean, queue.Hold, queue.Unhold, queue.Notice, "nonsense", ""}
	outcomes = []queue.Outcome{queue.Seal, queue.Release, queue.Retry, queue.Refuse, queue.LeaseOver, "nonsense", ""}
	parts    = []queue.PartState{queue.Ready, queue.Leased, queue.Sealed, queue.PartFailed, queue.PartCanceled}
	kinds    = []queue.PartKind{queue.PlanPart, queue.RowsPart, queue.SealPart}
)

// leadsTo is the whole table of a job's states: what is not in it is refused. The job is
// not held; one that is completed is past its expiry, and its notice is due.
var leadsTo = map[queue.State]map[queue.Event]queue.State{
	queue.Pending:   {queue.Plan: queue.Running, queue.Fail: queue.Failed, queue.Cancel: queue.Canceled, queue.Hold: queue.Pending},
	queue.Running:   {queue.Complete: queue.Completed, queue.Fail: queue.Failed, queue.Cancel: queue.Canceled, queue.Hold: queue.Running},
	queue.Completed: {queue.Retire: queue.Completed, queue.Expire: queue.Expired, queue.Clean: queue.Completed, queue.Notice: queue.Completed},
	queue.Failed:    {queue.Clean: queue.Failed},
	queue.Canceled:  {queue.Clean: queue.Canceled},
	queue.Expired:   {queue.Clean: queue.Expired},
}

// heldLeadsTo is the same table for jobs on hold: they end, and lose nothing.
var heldLeadsTo = map[queue.State]map[queue.Event]queue.State{
	queue.Pending:   {queue.Plan: queue.Running, queue.Fail: queue.Failed, queue.Cancel: queue.Canceled, queue.Unhold: queue.Pending},
	queue.Running:   {queue.Complete: queue.Completed, queue.Fail: queue.Failed, queue.Cancel: queue.Canceled, queue.Unhold: queue.Running},
	queue.Completed: {queue.Unhold: queue.Completed},
	queue.Failed:    {queue.Unhold: queue.Failed},
	queue.Canceled:  {queue.Unhold: queue.Canceled},
	queue.Expired:   {queue.Unhold: queue.Expired},
}

func jobIn(s queue.State) queue.Job {
	j := queue.Job{ID: "job", Tenant: "acme", State: s, Parts: 3, PartsSealed: 1, Version: 7, Reason: text("old"), Result: text("old")}
	if s == queue.Completed {
		j.ExpiresAt, j.NoticeAt = now.Add(-time.Hour), now.Add(-2*time.Hour)
	}
	return j
}

func heldJobIn(s queue.State) queue.Job {
	j := jobIn(s)
	j.Held = true
	return j
}

func TestR4_EveryStateAndEvent(t *testing.T) {
	t.Parallel()
	for i := range 2 * len(states) {
		s := states[i/2]
		was, table, name := jobIn(s), leadsTo, string(s)
		if i%2 == 1 {
			was, table, name = heldJobIn(s), heldLeadsTo, name+" and held"
		}
		for _, e := range events {
			t.Run(fmt.Sprintf("%s/%s", name, e), func(t *testing.T) {
				t.Parallel()
				u := queue.Update{Event: e, Reason: text("reason"), Result: text("result"), Keep: time.Hour, Parts: 9, RowsPlanned: 90, Again: time.Hour}
				got, err := was.Apply(u, now)
				to, allowed := table[s][e]
				if !allowed {
					require.ErrorIs(t, err, queue.ErrBadTransition)
					require.Empty(t, cmp.Diff(was, got))
				} else {
					require.NoError(t, err)
					require.Equal(t, to, got.State)
					require.Equal(t, was.Version+1, got.Version)
				}
				byUpdate, err := u.Apply(was, now)
				if !allowed || e == queue.Plan || e == queue.Complete {
					require.ErrorIs(t, err, queue.ErrBadTransition)
					require.Empty(t, cmp.Diff(was, byUpdate))
				} else {
					require.NoError(t, err)
					require.Empty(t, cmp.Diff(got, byUpdate))
				}
			})
		}
	}
}

func TestEventsSetWhatTheySay(t *testing.T) {
	t.Parallel()
	hour := now.Add(time.Hour)
	for _, c := range []struct {
		name  string
		from  queue.Job
		event queue.Update
		want  func(*queue.Job)
	}{
		{"plan", jobIn(queue.Pending), queue.Update{Event: queue.Plan, Parts: 9, RowsPlanned: 90}, func(j *queue.Job) {
			j.State, j.Parts, j.RowsPlanned = queue.Running, 9, 90
		}},
		{"complete", jobIn(queue.Running), queue.Update{Event: queue.Complete, Result: text("r"), Keep: time.Hour}, func(j *queue.Job) {
			j.State, j.Result, j.ExpiresAt, j.FinishedAt, j.CleanAt = queue.Completed, text("r"), hour, now, now
		}},
		{"complete for ever", jobIn(queue.Running), queue.Update{Event: queue.Complete, Result: text("r")}, func(j *queue.Job) {
			j.State, j.Result, j.FinishedAt, j.CleanAt = queue.Completed, text("r"), now, now
		}},
		{"complete with a notice", jobIn(queue.Running), queue.Update{Event: queue.Complete, Keep: 3 * time.Hour, Notice: 2 * time.Hour}, func(j *queue.Job) {
			j.State, j.Result, j.ExpiresAt, j.NoticeAt, j.FinishedAt, j.CleanAt = queue.Completed, queue.Payload{}, now.Add(3*time.Hour), hour, now, now
		}},
		{"complete with a notice that would come at once", jobIn(queue.Running), queue.Update{Event: queue.Complete, Keep: time.Hour, Notice: time.Hour}, func(j *queue.Job) {
			j.State, j.Result, j.ExpiresAt, j.FinishedAt, j.CleanAt = queue.Completed, queue.Payload{}, hour, now, now
		}},
		{"complete for ever with a notice", jobIn(queue.Running), queue.Update{Event: queue.Complete, Notice: time.Hour}, func(j *queue.Job) {
			j.State, j.Result, j.FinishedAt, j.CleanAt = queue.Completed, queue.Payload{}, now, now
		}},
		{"complete while held", heldJobIn(queue.Running), queue.Update{Event: queue.Complete, Keep: time.Hour}, func(j *queue.Job) {
			j.State, j.Result, j.ExpiresAt, j.FinishedAt, j.CleanAt = queue.Completed, queue.Payload{}, hour, now, now
		}},
		{"hold", queue.Job{State: queue.Completed, ExpiresAt: hour}, queue.Update{Event: queue.Hold}, func(j *queue.Job) { j.Held = true }},
		{"hold of what is kept for ever", queue.Job{State: queue.Completed}, queue.Update{Event: queue.Hold}, func(j *queue.Job) { j.Held = true }},
		{"unhold", heldJobIn(queue.Completed), queue.Update{Event: queue.Unhold}, func(j *queue.Job) { j.Held = false }},
		{"notice", jobIn(queue.Completed), queue.Update{Event: queue.Notice}, func(j *queue.Job) { j.NoticeAt = time.Time{} }},
		{"expire", jobIn(queue.Completed), queue.Update{Event: queue.Expire}, func(j *queue.Job) { j.State, j.NoticeAt = queue.Expired, time.Time{} }},
		{"fail", jobIn(queue.Running), queue.Update{Event: queue.Fail, Reason: text("r")}, func(j *queue.Job) {
			j.State, j.Reason, j.FinishedAt, j.CleanAt = queue.Failed, text("r"), now, now
		}},
		{"cancel", jobIn(queue.Pending), queue.Update{Event: queue.Cancel, Reason: text("r")}, func(j *queue.Job) {
			j.State, j.Reason, j.FinishedAt, j.CleanAt = queue.Canceled, text("r"), now, now
		}},
		{"retire", queue.Job{State: queue.Completed, ExpiresAt: hour}, queue.Update{Event: queue.Retire}, func(j *queue.Job) { j.ExpiresAt = now }},
		{"retire of the expired", jobIn(queue.Completed), queue.Update{Event: queue.Retire}, func(j *queue.Job) { j.NoticeAt = time.Time{} }},
		{"clean again", jobIn(queue.Failed), queue.Update{Event: queue.Clean, Again: time.Hour}, func(j *queue.Job) { j.Cleanings, j.CleanAt = 1, hour }},
		{"clean for the last time", queue.Job{State: queue.Failed, CleanAt: now, Cleanings: 2}, queue.Update{Event: queue.Clean}, func(j *queue.Job) {
			j.Cleanings, j.CleanAt = 3, time.Time{}
		}},
		{"keep is cut to microseconds", jobIn(queue.Running), queue.Update{Event: queue.Complete, Keep: 1999}, func(j *queue.Job) {
			j.State, j.Result, j.ExpiresAt, j.FinishedAt, j.CleanAt = queue.Completed, queue.Payload{}, now.Add(1000), now, now
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			want := c.from
			c.want(&want)
			want.Version++
			got, err := c.from.Apply(c.event, now)
			require.NoError(t, err)
			require.Empty(t, cmp.Diff(want, got))
		})
	}
}

func TestR31_ExpireNeedsItsTime(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		expires time.Time
		allowed bool
	}{
		{"never", time.Time{}, false},
		{"a microsecond to go", now.Add(time.Microsecond), false},
		{"now", now, true},
		{"over", now.Add(-time.Hour), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := queue.Job{State: queue.Completed, ExpiresAt: c.expires}.Apply(queue.Update{Event: queue.Expire}, now)
			require.Equal(t, c.allowed, err == nil)
		})
	}
}

func partIn(s queue.PartState, kind queue.PartKind) queue.Part {
	p := queue.Part{Job: "job", Number: 1, Kind: kind, State: s, Fence: 3, Holder: "w", Rows: 5, Bytes: 50, NotBefore: now.Add(-time.Hour), Payload: text("p")}
	if s == queue.Leased {
		p.LeaseUntil = now
	}
	return p
}

// Every state of a part, with every state of its job, fence and outcome: only the
// holder of a lease of an active job ends it.
func TestR4_EveryPartStateAndOutcome(t *testing.T) {
	t.Parallel()
	for _, js := range states {
		for _, ps := range parts {
			for _, kind := range kinds {
				for _, o := range outcomes {
					for _, fence := range []int64{2, 3, 4} {
						j, p := jobIn(js), partIn(ps, kind)
						f := queue.Finish{Fence: fence, Outcome: o, Receipt: text("r"), Reason: text("why"), MaxCrashes: 3}
						name := fmt.Sprintf("%s job, %s %s part, %s under %d", js, ps, kind, o, fence)
						gotJob, gotPart, err := f.Apply(j, p, now)
						switch {
						case ps != queue.Leased || fence != 3 || !js.Active():
							require.ErrorIs(t, err, queue.ErrFenced, name)
						case o == "nonsense" || o == "" || o == queue.Seal && kind == queue.PlanPart && js == queue.Running ||
							o == queue.Seal && kind == queue.SealPart && js == queue.Pending:
							require.ErrorIs(t, err, queue.ErrBadTransition, name)
						default:
							require.NoError(t, err, name)
							require.Equal(t, j.Version+1, gotJob.Version, name)
							require.NotEqual(t, queue.Leased, gotPart.State, name)
							require.True(t, gotPart.LeaseUntil.IsZero(), name)
							continue
						}
						require.Empty(t, cmp.Diff(j, gotJob), name)
						require.Empty(t, cmp.Diff(p, gotPart), name)
					}
				}
			}
		}
	}
}

func TestOutcomesSetWhatTheySay(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		job    func(*queue.Job)
		part   func(*queue.Part)
		finish queue.Finish
		want   func(*queue.Job, *queue.Part)
	}{
		{
			"seal", func(j *queue.Job) { j.Crashes = 2 }, func(p *queue.Part) { p.Suspect = true },
			queue.Finish{Outcome: queue.Seal, Receipt: text("r"), Rows: 9, Bytes: 90},
			func(j *queue.Job, p *queue.Part) {
				j.PartsSealed, j.Crashes = 2, 0
				p.State, p.Receipt, p.Rows, p.Bytes, p.Suspect = queue.Sealed, text("r"), 9, 90, false
			},
		},
		{
			"release", nil, func(p *queue.Part) { p.Suspect, p.Failures = true, 2 },
			queue.Finish{Outcome: queue.Release},
			func(_ *queue.Job, p *queue.Part) { p.State = queue.Ready },
		},
		{
			"release with a delay", nil, nil,
			queue.Finish{Outcome: queue.Release, Delay: time.Second},
			func(_ *queue.Job, p *queue.Part) { p.State, p.NotBefore = queue.Ready, now.Add(time.Second) },
		},
		{
			"retry", nil, nil,
			queue.Finish{Outcome: queue.Retry, Reason: text("why"), Delay: time.Second},
			func(_ *queue.Job, p *queue.Part) {
				p.State, p.Failures, p.NotBefore, p.Reason = queue.Ready, 1, now.Add(time.Second), text("why")
			},
		},
		{
			"refuse", nil, nil,
			queue.Finish{Outcome: queue.Refuse, Reason: text("why")},
			func(j *queue.Job, p *queue.Part) {
				j.State, j.Reason, j.FinishedAt, j.CleanAt = queue.Failed, text("why"), now, now
				p.State, p.Reason, p.Rows, p.Bytes = queue.PartFailed, text("why"), 5, 50
			},
		},
		{
			"crash beside others", nil, nil,
			queue.Finish{Outcome: queue.LeaseOver, MaxCrashes: 1},
			func(_ *queue.Job, p *queue.Part) { p.State, p.Suspect = queue.Ready, true },
		},
		{
			"crash alone", func(j *queue.Job) { j.Crashes = 1 }, func(p *queue.Part) { p.Suspect, p.Alone = true, true },
			queue.Finish{Outcome: queue.LeaseOver, MaxCrashes: 3},
			func(j *queue.Job, p *queue.Part) { j.Crashes, p.State = 2, queue.Ready },
		},
		{
			"last crash alone", func(j *queue.Job) { j.Crashes = 2 }, func(p *queue.Part) { p.Suspect, p.Alone = true, true },
			queue.Finish{Outcome: queue.LeaseOver, MaxCrashes: 3, Reason: text("why")},
			func(j *queue.Job, p *queue.Part) {
				j.State, j.Crashes, j.Reason, j.FinishedAt, j.CleanAt = queue.Failed, 3, text("why"), now, now
				p.State, p.Reason = queue.PartFailed, text("why")
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			j, p := jobIn(queue.Running), partIn(queue.Leased, queue.RowsPart)
			if c.job != nil {
				c.job(&j)
			}
			if c.part != nil {
				c.part(&p)
			}
			wantJob, wantPart := j, p
			wantJob.Version++
			wantPart.LeaseUntil, wantPart.NotBefore, wantPart.Rows, wantPart.Bytes = time.Time{}, time.Time{}, 0, 0
			c.want(&wantJob, &wantPart)
			c.finish.Fence = 3
			gotJob, gotPart, err := c.finish.Apply(j, p, now)
			require.NoError(t, err)
			require.Empty(t, cmp.Diff(wantJob, gotJob))
			require.Empty(t, cmp.Diff(wantPart, gotPart))
		})
	}
}

func TestR7_LeaseIsOverExactly(t *testing.T) {
	t.Parallel()
	p := partIn(queue.Leased, queue.RowsPart)
	f := queue.Finish{Fence: 3, Outcome: queue.LeaseOver, MaxCrashes: 3}
	before := p.LeaseUntil.Add(-time.Microsecond)
	_, _, err := f.Apply(jobIn(queue.Running), p, before)
	require.ErrorIs(t, err, queue.ErrFenced)
	require.False(t, p.LeaseOver(before))
	_, _, err = f.Apply(jobIn(queue.Running), p, p.LeaseUntil)
	require.NoError(t, err)
	require.True(t, p.LeaseOver(p.LeaseUntil))
}

func TestPartsClaimRenewCancel(t *testing.T) {
	t.Parallel()
	for _, s := range parts {
		p := partIn(s, queue.RowsPart)
		claimed, err := p.Claim("host", true, now, time.Minute)
		if s == queue.Ready {
			require.NoError(t, err)
			want := p
			want.State, want.Holder, want.Fence, want.LeaseUntil, want.Rows, want.Bytes = queue.Leased, "host", 4, now.Add(time.Minute), 0, 0
			require.Empty(t, cmp.Diff(want, claimed))
		} else {
			require.ErrorIs(t, err, queue.ErrBadTransition)
			require.Empty(t, cmp.Diff(p, claimed))
		}
		renewed, err := p.Renew(queue.Lease{Fence: 3, Rows: 7, Bytes: 70}, now, time.Minute)
		if s == queue.Leased {
			require.NoError(t, err)
			want := p
			want.LeaseUntil, want.Rows, want.Bytes = now.Add(time.Minute), 7, 70
			require.Empty(t, cmp.Diff(want, renewed))
		} else {
			require.ErrorIs(t, err, queue.ErrFenced)
			require.Empty(t, cmp.Diff(p, renewed))
		}
		canceled := p.Cancel()
		want := p
		if s == queue.Ready || s == queue.Leased {
			want.State, want.LeaseUntil = queue.PartCanceled, time.Time{}
		}
		require.Empty(t, cmp.Diff(want, canceled))
	}
}
