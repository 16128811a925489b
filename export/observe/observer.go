package observe

import (
	"context"
	"log/slog"
	"runtime/debug"
)

// An Observer is told what happens. See the package page for what it owes.
type Observer interface {
	// Begin is told that an operation begins, and returns the context for it: ctx or
	// one made from it.
	Begin(ctx context.Context, op Operation) context.Context
	// Observe is told of an event.
	Observe(ctx context.Context, e Event)
}

// An Operation is one of [Part], [Sweep] and [Delivery].
type Operation interface{ operation() }

// An Event is one of [JobRequested], [JobRefused], [JobStarted], [JobEnded],
// [JobExpired], [PartEnded], [LeaseLost], [SweepEnded], [DeliveryEnded],
// [MessageGivenUp] and [Downloaded].
type Event interface{ event() }

// Begin tells o of an operation. Without an observer it costs nothing and returns ctx.
func Begin[O Operation](ctx context.Context, o Observer, op O) context.Context {
	if o == nil {
		return ctx
	}
	return o.Begin(ctx, op)
}

// Tell tells o of an event. Without an observer it costs nothing.
func Tell[E Event](ctx context.Context, o Observer, e E) {
	if o != nil {
		o.Observe(ctx, e)
	}
}

// A Func is an [Observer] that is told of events only.
type Func func(ctx context.Context, e Event)

// Begin returns ctx.
func (f Func) Begin(ctx context.Context, _ Operation) context.Context { return ctx }

// Observe calls f.
func (f Func) Observe(ctx context.Context, e Event) { f(ctx, e) }

// Join returns an observer that tells each of those that are not nil, in this order;
// nil when there are none. Each gets the context that those before it made.
func Join(observers ...Observer) Observer {
	var all joined
	for _, o := range observers {
		if o != nil {
			all = append(all, o)
		}
	}
	switch len(all) {
	case 0:
		return nil
	case 1:
		return all[0]
	default:
		return all
	}
}

type joined []Observer

func (all joined) Begin(ctx context.Context, op Operation) context.Context {
	for _, o := range all {
		ctx = o.Begin(ctx, op)
	}
	return ctx
}

func (all joined) Observe(ctx context.Context, e Event) {
	for _, o := range all {
		o.Observe(ctx, e)
	}
}

// Shield returns an observer whose panics are logged and go no further; nil for nil.
// Of the value that was thrown the log has the type: its text may be anything.
func Shield(o Observer, log *slog.Logger) Observer {
	if o == nil {
		return nil
	}
	return &shield{observer: o, log: log}
}

type shield struct {
	observer Observer
	log      *slog.Logger
}

func (s *shield) Begin(ctx context.Context, op Operation) (made context.Context) {
	defer func() {
		if v := recover(); v != nil || made == nil {
			made = ctx
			s.report(ctx, v)
		}
	}()
	return s.observer.Begin(ctx, op)
}

func (s *shield) Observe(ctx context.Context, e Event) {
	defer func() {
		if v := recover(); v != nil {
			s.report(ctx, v)
		}
	}()
	s.observer.Observe(ctx, e)
}

func (s *shield) report(ctx context.Context, v any) {
	s.log.ErrorContext(ctx, "an observer panicked or gave no context", "type", typeOf(v), "stack", string(debug.Stack()))
}
