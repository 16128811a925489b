package export

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/exportyard/exportyard/export/observe"
	"github.com/exportyard/exportyard/internal/pipeline"
	"github.com/exportyard/exportyard/internal/redact"
	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/operator"
)

// Health is how an engine is, as far as it can tell without doing harm.
type Health struct {
	// Ready says that requests can be taken here: the store answers. Nothing else makes
	// a host unready, neither a backlog nor tables that a newer host has migrated: that
	// would take all hosts away at once.
	Ready bool
	// Concerns are for someone to look at, those that make it unready first.
	Concerns []Concern
	// At is when this was found out, at most a second ago.
	At time.Time

	// StoreLatency is how long the job store took to answer.
	StoreLatency time.Duration
	// Running says that [Engine.Run] runs here. SweptAt is when a sweep here last
	// succeeded, by Config.Now; zero for never.
	Running bool
	SweptAt time.Time
	// Verified and Unverified count the destinations that were tried here within
	// Config.ProbeEvery, by how their last probe went.
	Verified, Unverified int
	// Gauges are how things stand in the store; nil when it did not answer.
	Gauges *observe.Gauges
}

// The codes of concerns.
const (
	CodeStoreDown       Code = "store_down"       // the job store does not answer
	CodeStoreUnfit      Code = "store_unfit"      // its tables are of another version than this code
	CodeSweepLate       Code = "sweep_late"       // Run runs here, but its sweeps fail or hang
	CodeLeaseExpired    Code = "lease_expired"    // nobody takes back what dead workers held
	CodePendingOld      Code = "pending_old"      // exports wait: workers are missing
	CodeOutboxOld       Code = "outbox_old"       // messages are not delivered
	CodeProbeFailed     Code = "probe_failed"     // a destination failed its probe
	CodeHealthUncertain Code = "health_uncertain" // the caller's context ended before the store had answered
)

// A Concern is something about an engine that is not as it should be.
type Concern struct {
	Code    Code
	Message string
	// Unready says that the engine is not ready because of it.
	Unready bool
}

// HealthLimits are from when on [Engine.Health] calls something a concern. Zero is the
// default.
type HealthLimits struct {
	// Sweep is the age of the last sweep that succeeded here. Default: 4 × Config.Sweep.
	Sweep time.Duration
	// ExpiredLease is for how long a lease has been over. Default: 4 × Config.Sweep.
	ExpiredLease time.Duration
	// Pending is the age of an export that nobody has planned. Default: 15 minutes.
	Pending time.Duration
	// Outbox is the age of an event that is not delivered. Default: 15 minutes.
	Outbox time.Duration
}

func (l HealthLimits) withDefaults(sweep time.Duration) HealthLimits {
	l.Sweep = or(l.Sweep, 4*sweep)
	l.ExpiredLease = or(l.ExpiredLease, 4*sweep)
	l.Pending = or(l.Pending, 15*time.Minute)
	l.Outbox = or(l.Outbox, 15*time.Minute)
	return l
}

// Err returns nil when the engine is ready, else an error with all concerns.
func (h Health) Err() error {
	if h.Ready {
		return nil
	}
	e := &Error{Code: CodeUnavailable, Message: "the engine is not ready", Retryable: true}
	for _, c := range h.Concerns {
		e.Problems = append(e.Problems, Problem{Code: c.Code, Field: string(c.Code), Message: c.Message})
	}
	return e
}

const (
	// healthLasts is for how long an answer is given again.
	healthLasts = time.Second
	// healthTimeout is how long the store may take.
	healthTimeout = 5 * time.Second
)

// Health says how the engine is, for a host's readiness check. It asks the store at most
// once a second, however often it is called, and returns when ctx ends.
func (e *Engine) Health(ctx context.Context) Health {
	e.mu.Lock()
	last := e.health
	e.mu.Unlock()
	if !last.asked.IsZero() && time.Since(last.asked) < healthLasts {
		return last.Health
	}
	asked := e.asking.DoChan("", func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), healthTimeout)
		defer cancel()
		h := checked{Health: e.examine(ctx), asked: time.Now()}
		e.mu.Lock()
		defer e.mu.Unlock()
		e.health = h
		return h.Health, nil
	})
	select {
	case answer := <-asked:
		return answer.Val.(Health)
	case <-ctx.Done():
		return Health{At: e.config.Now(), Concerns: []Concern{{
			Code: CodeHealthUncertain, Message: "the job store has not answered yet", Unready: true,
		}}}
	}
}

// checked is an answer and when it was found.
type checked struct {
	Health
	asked time.Time
}

// examine asks the store, and judges what it and the engine itself know.
func (e *Engine) examine(ctx context.Context) Health {
	begun := time.Now()
	trouble := e.checkStore(ctx)
	h := Health{Ready: trouble == nil || !trouble.Unready, At: e.config.Now(), StoreLatency: time.Since(begun)}
	if trouble != nil {
		h.Concerns = append(h.Concerns, *trouble)
	}
	if h.Ready {
		var err error
		if h.Gauges, err = e.gauges(ctx); err != nil {
			h.concern(CodeStoreDown, "the job store's gauges cannot be read: "+redact.Text(err.Error()))
		}
	}
	running := e.look(&h)
	e.judge(&h, running)
	return h
}

func (h *Health) concern(c Code, message string) {
	h.Concerns = append(h.Concerns, Concern{Code: c, Message: message})
}

// checkStore returns what is wrong with the store, nil if nothing is.
func (e *Engine) checkStore(ctx context.Context) *Concern {
	err := func() (err error) {
		defer pipeline.Recovered(&err)
		return operator.Check(ctx, e.config.Store)
	}()
	switch {
	case err == nil:
		return nil
	case errors.Is(err, operator.ErrUnfit):
		return &Concern{Code: CodeStoreUnfit, Message: redact.Text(err.Error())}
	default:
		return &Concern{Code: CodeStoreDown, Message: "the job store does not answer: " + redact.Text(err.Error()), Unready: true}
	}
}

// countTo is up to how many jobs and parts are counted.
const countTo = 10_000

// gauges asks the store how things stand, as far as it can tell.
func (e *Engine) gauges(ctx context.Context) (g *observe.Gauges, err error) {
	defer pipeline.Recovered(&err)
	g = &observe.Gauges{Outbox: -1}
	if outbox, ok := e.config.Store.(queue.OutboxStore); ok {
		if g.Outbox, err = outbox.OutboxAge(ctx); err != nil {
			return nil, err
		}
	}
	if store, ok := e.config.Store.(operator.Store); ok {
		got, err := store.Gauges(ctx, countTo)
		if err != nil {
			return nil, err
		}
		g.Counted, g.ExpiredLease, g.Pending = true, got.LeaseOver, got.PendingAge
		g.Jobs, g.Ready, g.Leased = got.Active, got.Ready, got.Leased
	}
	return g, nil
}

// A watch is what the engine notes about its own sweeps.
type watch struct {
	// runs is since when Run runs; zero when it does not.
	runs  time.Time
	swept time.Time
}

// look fills in what the engine knows by itself, and returns since when Run runs.
func (e *Engine) look(h *Health) time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	h.Running, h.SweptAt = !e.watch.runs.IsZero(), e.watch.swept
	h.Verified, h.Unverified = e.prover.Tried()
	return e.watch.runs
}

// judge compares with the limits.
func (e *Engine) judge(h *Health, running time.Time) {
	limits := e.config.Limits
	over := func(age, limit time.Duration, c Code, what string) {
		if age > limit {
			h.concern(c, fmt.Sprintf("%s, for %v, more than %v", what, age.Round(time.Second), limit))
		}
	}
	if h.Running {
		since := running
		if h.SweptAt.After(since) {
			since = h.SweptAt
		}
		over(h.At.Sub(since), limits.Sweep, CodeSweepLate, "no sweep has succeeded here")
	}
	if g := h.Gauges; g != nil {
		over(g.ExpiredLease, limits.ExpiredLease, CodeLeaseExpired, "a lease is over and nobody takes the part back")
		over(g.Pending, limits.Pending, CodePendingOld, "an export waits for a worker")
		over(g.Outbox, limits.Outbox, CodeOutboxOld, "an event is not delivered")
	}
	if h.Unverified > 0 {
		h.concern(CodeProbeFailed, fmt.Sprintf("%d destinations failed their probe", h.Unverified))
	}
}

// String says in one line how the engine is, for logs.
func (h Health) String() string {
	words := []string{map[bool]string{true: "ready", false: "not ready"}[h.Ready]}
	for _, c := range h.Concerns {
		words = append(words, string(c.Code)+": "+c.Message)
	}
	return strings.Join(words, "; ")
}
