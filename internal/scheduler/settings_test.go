package scheduler_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/internal/calendar"
	"github.com/exportyard/exportyard/internal/cron"
	"github.com/exportyard/exportyard/internal/scheduler"
	"github.com/exportyard/exportyard/queue"
)

var full = scheduler.Settings{
	Timing: cron.Daily2, Zone: "Europe/Berlin", Spread: time.Hour, Range: calendar.PreviousDay,
	Retention: &scheduler.Retention{Files: 24 * time.Hour, Daily: 7, Weekly: 4, Monthly: 12}, Request: []byte(`{"all":true}`),
}

func TestSettingsRoundTrip(t *testing.T) {
	t.Parallel()
	for _, want := range []scheduler.Settings{{}, full} {
		p, err := want.Payload()
		require.NoError(t, err)
		got, err := scheduler.Read(p)
		require.NoError(t, err)
		require.Empty(t, cmp.Diff(want, got))
	}
	got, err := scheduler.Read(queue.Payload{})
	require.NoError(t, err)
	require.Zero(t, got)
	_, err = scheduler.Read(queue.Payload{Version: 2, Data: []byte(`{}`)})
	require.ErrorContains(t, err, "version 2")
	_, err = scheduler.Read(queue.Payload{Version: 1, Data: []byte(`{`)})
	require.Error(t, err)
	_, err = scheduler.Settings{Request: []byte("{")}.Payload()
	require.Error(t, err)
}

func TestB11_SettingsOverOthers(t *testing.T) {
	t.Parallel()
	require.Empty(t, cmp.Diff(full, scheduler.Settings{}.Over(full)))
	require.Empty(t, cmp.Diff(full, full.Over(scheduler.Settings{})))
	own := scheduler.Settings{
		Timing: cron.Disabled, Zone: "UTC", Spread: -1, Range: calendar.Everything, Retention: &scheduler.Retention{Daily: 1}, Request: []byte(`{"areas":["chat"]}`),
	}
	require.Empty(t, cmp.Diff(own, own.Over(full)))
	want := full
	want.Zone = "Asia/Kathmandu"
	require.Empty(t, cmp.Diff(want, scheduler.Settings{Zone: "Asia/Kathmandu"}.Over(full)))
}

func TestB11_SettingsThatAreRefused(t *testing.T) {
	t.Parallel()
	require.NoError(t, full.Check())
	require.NoError(t, scheduler.Settings{}.Check())
	wrong := scheduler.Settings{Timing: "0 0 30 2 *", Range: "last-century", Spread: 25 * time.Hour, Retention: &scheduler.Retention{Daily: -1}}
	err := wrong.Check()
	for _, want := range []string{"no day", "last-century", "24 hours", "negative"} {
		require.ErrorContains(t, err, want)
	}
	require.ErrorContains(t, scheduler.Settings{Timing: cron.Daily2, Zone: "Mars"}.Check(), "Mars")

	// Nothing of it reaches the store.
	s := newSite(t, "2026-11-20T12:00Z")
	_, _, err = s.Create(t.Context(), queue.Schedule{ID: "wrong", Tenant: "acme", Settings: s.payload(wrong)})
	require.Error(t, err)
	_, err = s.store.GetSchedule(t.Context(), "acme", "wrong")
	require.ErrorIs(t, err, queue.ErrNotFound)
	of := s.create(full)
	of.Settings = s.payload(wrong)
	_, err = s.Edit(t.Context(), of)
	require.Error(t, err)
	require.Equal(t, int64(1), s.get(of).Version)
}
