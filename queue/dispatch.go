package queue

import "context"

// A Dispatcher is a doorbell: it tells workers, here or on other hosts, that
// parts may be ready. A ring that is lost or doubled does no harm, since the
// sweeper rings again and the store decides who gets what.
type Dispatcher interface {
	// Ring wakes workers. It does not block.
	Ring(ctx context.Context) error
	// Wait returns when there was a ring since the last Wait of this
	// dispatcher returned, or with ctx's error.
	Wait(ctx context.Context) error
}

// A Permitter is a Dispatcher whose rings come as permits, to one process each. A worker
// then claims with permits alone, one part with each.
type Permitter interface {
	Dispatcher
	// Serve calls use for each permit that comes to this process, at most hands at once,
	// until ctx ends, and returns when all calls have. use claims a part and returns when
	// that has ended: so long lasts the permit. It reports false when there was none to
	// claim, and an error when it could not look: the permit is then good for another
	// try, here or elsewhere.
	Serve(ctx context.Context, hands int, use func() (worked bool, err error)) error
}

// Local rings the workers of this process. Make it with [NewLocal].
type Local struct{ bell chan struct{} }

// NewLocal returns a dispatcher for one engine.
func NewLocal() *Local { return &Local{bell: make(chan struct{}, 1)} }

// Ring wakes one waiting caller of Wait, or the next one.
func (l *Local) Ring(context.Context) error {
	select {
	case l.bell <- struct{}{}:
	default:
	}
	return nil
}

// Wait returns after a ring.
func (l *Local) Wait(ctx context.Context) error {
	select {
	case <-l.bell:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
