package queue_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/queue"
)

func TestR39_Claimable(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	event := queue.Entry{ID: "e", Kind: queue.Outbox}
	tests := []struct {
		name string
		d    queue.Delivery
		want bool
	}{
		{"new", queue.Delivery{Entry: event}, true},
		{"due now", queue.Delivery{Entry: event, DueAt: now}, true},
		{"due later", queue.Delivery{Entry: event, DueAt: now.Add(time.Microsecond)}, false},
		{"delivered", queue.Delivery{Entry: event, State: queue.Delivered}, false},
		{"given up", queue.Delivery{Entry: event, State: queue.GivenUp}, false},
		{"of the audit log", queue.Delivery{Entry: queue.Entry{Kind: queue.Audit}}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, tt.d.Claimable(now))
		})
	}
}

func TestR39_Settle(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	progress := queue.Payload{Version: 1, Data: []byte("p")}
	fresh := queue.Delivery{Entry: queue.Entry{ID: "e", Kind: queue.Outbox}}
	claimed := queue.OutboxClaim{Lease: time.Minute}.Claim(fresh, now)
	require.Equal(t, int64(1), claimed.Attempt)
	require.Equal(t, now.Add(time.Minute), claimed.DueAt)
	after := func(state queue.DeliveryState, due time.Time) queue.Delivery {
		d := claimed
		d.State, d.DueAt, d.Progress = state, due, progress
		return d
	}
	done := after(queue.Delivered, time.Time{})
	tests := []struct {
		name    string
		d       queue.Delivery
		settle  queue.Settle
		want    queue.Delivery
		wantErr error
	}{
		{"delivered", claimed, queue.Settle{Attempt: 1, State: queue.Delivered}, done, nil},
		{"given up", claimed, queue.Settle{Attempt: 1, State: queue.GivenUp}, after(queue.GivenUp, time.Time{}), nil},
		{"again", claimed, queue.Settle{Attempt: 1, Delay: time.Hour}, after(queue.Undelivered, now.Add(time.Hour)), nil},
		{"late", claimed, queue.Settle{Attempt: 0, State: queue.Delivered}, claimed, queue.ErrFenced},
		{"early", claimed, queue.Settle{Attempt: 2, State: queue.Delivered}, claimed, queue.ErrFenced},
		{"never claimed", fresh, queue.Settle{State: queue.Delivered}, fresh, queue.ErrFenced},
		{"settled", done, queue.Settle{Attempt: 1}, done, queue.ErrFenced},
		{"unknown state", claimed, queue.Settle{Attempt: 1, State: "posted"}, claimed, queue.ErrBadTransition},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.settle.Progress = progress
			got, err := tt.settle.Apply(tt.d, now)
			require.ErrorIs(t, err, tt.wantErr)
			require.Empty(t, cmp.Diff(tt.want, got))
		})
	}
}
