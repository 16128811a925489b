package observe_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/export/observe"
)

// A notebook writes down what it is told.
type notebook struct {
	name  string
	lines *[]string
}

type page struct{}

func (n *notebook) Begin(ctx context.Context, op observe.Operation) context.Context {
	*n.lines = append(*n.lines, fmt.Sprintf("%s begins %T", n.name, op))
	before, _ := ctx.Value(page{}).(string)
	return context.WithValue(ctx, page{}, before+n.name)
}

func (n *notebook) Observe(ctx context.Context, e observe.Event) {
	*n.lines = append(*n.lines, fmt.Sprintf("%s sees %T in %v", n.name, e, ctx.Value(page{})))
}

// Each of several observers is told, and each context is made from the one before.
func TestJoin(t *testing.T) {
	t.Parallel()
	var lines []string
	o := observe.Join(nil, &notebook{"a", &lines}, nil, &notebook{"b", &lines})
	ctx := observe.Begin(t.Context(), o, observe.Part{})
	observe.Tell(ctx, o, observe.PartEnded{})
	require.Equal(t, []string{
		"a begins observe.Part", "b begins observe.Part",
		"a sees observe.PartEnded in ab", "b sees observe.PartEnded in ab",
	}, lines)
	require.Nil(t, observe.Join(nil, nil))
	one := &notebook{"a", &lines}
	require.Same(t, one, observe.Join(nil, one))
}

// Without an observer an event is not even made.
func TestNoObserverCostsNothing(t *testing.T) {
	ctx := t.Context()
	require.Zero(t, testing.AllocsPerRun(100, func() {
		inner := observe.Begin(ctx, nil, observe.Part{Number: 1})
		observe.Tell(inner, nil, observe.PartEnded{Rows: 1})
	}))
	require.Equal(t, ctx, observe.Begin(ctx, nil, observe.Sweep{}))
	require.Nil(t, observe.Shield(nil, slog.Default()))
}

// A faulty observer does what observers may not.
type faulty struct{}

func (faulty) Begin(_ context.Context, op observe.Operation) context.Context {
	if _, ok := op.(observe.Sweep); ok {
		return nil
	}
	panic("secret-canary")
}

func (faulty) Observe(context.Context, observe.Event) { panic(errors.New("secret-canary")) }

// R40: an observer that panics hurts nobody, and what it threw is not shown.
func TestR40_Shield(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	o := observe.Shield(faulty{}, slog.New(slog.NewTextHandler(&out, nil)))
	ctx := t.Context()
	require.Equal(t, ctx, observe.Begin(ctx, o, observe.Part{}))
	require.Equal(t, ctx, observe.Begin(ctx, o, observe.Sweep{}))
	observe.Tell(ctx, o, observe.JobEnded{})
	require.Contains(t, out.String(), "type=string")
	require.Contains(t, out.String(), "type=*errors.errorString")
	require.Contains(t, out.String(), "observer_test.go", "the stack leads to the panic")
	require.NotContains(t, out.String(), "secret-canary")
}

// A healthy observer's context and events pass a shield unchanged.
func TestShieldPasses(t *testing.T) {
	t.Parallel()
	var lines []string
	var out bytes.Buffer
	o := observe.Shield(&notebook{"a", &lines}, slog.New(slog.NewTextHandler(&out, nil)))
	observe.Tell(observe.Begin(t.Context(), o, observe.Delivery{}), o, observe.DeliveryEnded{})
	require.Equal(t, []string{"a begins observe.Delivery", "a sees observe.DeliveryEnded in a"}, lines)
	require.Empty(t, out.String())
}
