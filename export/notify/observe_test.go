package notify_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/export/notify"
	"github.com/exportyard/exportyard/export/observe"
	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/memstore"
)

type spanKey struct{}

// An eye gives each operation a context of its own and writes down how it ended.
type eye struct {
	begun int
	lines []string
}

func (e *eye) Begin(ctx context.Context, _ observe.Operation) context.Context {
	e.begun++
	return context.WithValue(ctx, spanKey{}, e.begun)
}

func (e *eye) Observe(ctx context.Context, event observe.Event) {
	switch event := event.(type) {
	case observe.DeliveryEnded:
		e.lines = append(e.lines, fmt.Sprint(ctx.Value(spanKey{}), " ", event.Channel, " ", event.Attempt, " ", event.Outcome, " ", event.Age))
	case observe.MessageGivenUp:
		e.lines = append(e.lines, fmt.Sprint(event.Channel, " given up ", event.Age))
	}
}

// An observer sees each attempt, in the context that the channel has too, and what a
// channel will never have.
func TestObserver(t *testing.T) {
	t.Parallel()
	clock := newClock()
	store := memstore.New(&memstore.Options{Now: clock.now})
	put(t, store, failed("e1"))
	watching := &eye{}
	var spans []any
	seen := notifierFunc(func(ctx context.Context, m notify.Message) error {
		spans = append(spans, ctx.Value(spanKey{}))
		return nil
	})
	down := &fake{deliver: func(notify.Message) error { return errDown }}
	refusing := &fake{deliver: func(notify.Message) error { return notify.ErrRefused }}
	c := newCourier(t, store, map[string]notify.Notifier{"a": seen, "b": down, "c": refusing}, &notify.Options{Observer: watching})
	require.NoError(t, c.Drain(t.Context()))
	clock.advance(72 * time.Hour)
	require.NoError(t, c.Drain(t.Context()))
	require.Equal(t, []string{
		"1 a 1 taken 0s", "2 b 1 waiting 0s", "3 c 1 rejected 0s", "c given up 0s",
		"b given up 72h0m0s",
	}, watching.lines)
	require.Equal(t, []any{1}, spans)
}

type notifierFunc func(context.Context, notify.Message) error

func (f notifierFunc) Deliver(ctx context.Context, m notify.Message) error { return f(ctx, m) }

// R40: a panic of an observer, or of a channel, stops no message and does not show what
// was thrown.
func TestR40_PanicsAreQuiet(t *testing.T) {
	t.Parallel()
	const canary = "canary-ann@acme.example"
	clock := newClock()
	store := memstore.New(&memstore.Options{Now: clock.now})
	put(t, store, failed("e1"))
	var out bytes.Buffer
	throwing := &fake{deliver: func(notify.Message) error { panic(canary) }}
	good := &fake{}
	c := newCourier(t, store, map[string]notify.Notifier{"throwing": throwing, "good": good}, &notify.Options{
		Observer: observe.Func(func(context.Context, observe.Event) { panic(canary) }),
		Logger:   slog.New(slog.NewTextHandler(&out, nil)), MaxAge: time.Nanosecond * 2,
	})
	require.NoError(t, c.Drain(t.Context()))
	require.Len(t, good.ids(), 1)
	require.NotContains(t, out.String(), canary)
	require.Contains(t, out.String(), "observe_test.go", "the log says where")
	left, err := store.ClaimOutbox(t.Context(), queue.OutboxClaim{Limit: 1, Lease: time.Minute})
	require.NoError(t, err)
	require.Empty(t, left, "the event is settled")
}
