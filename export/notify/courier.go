package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/exportyard/exportyard/export/observe"
	"github.com/exportyard/exportyard/internal/backoff"
	"github.com/exportyard/exportyard/internal/redact"
	"github.com/exportyard/exportyard/queue"
)

// A Notifier takes messages to their receivers. It is safe for concurrent use.
type Notifier interface {
	// Deliver sends one message to whom it concerns. It returns nil when they have
	// it, or when nobody wants it; an error that wraps ErrRefused when they will never
	// take it; any other error when another attempt may succeed, a [*RetryError] with
	// advice for that. The courier gives it Options.Timeout. It may be called with the
	// same message again, even after it has returned nil.
	Deliver(ctx context.Context, m Message) error
}

// A Store is what a courier needs of a job store.
type Store interface {
	queue.OutboxStore
	Get(ctx context.Context, tenant, id string) (queue.Job, error)
}

// Options adjust a Courier.
type Options struct {
	// URL returns the address, http or https, of the host's page about a message. It
	// must not be a link to a file: messages are kept and forwarded. Default: nil,
	// messages without an address.
	URL func(Message) string
	// Kinds are told; other events are settled silently. Default: [Kinds].
	Kinds []Kind
	// Workers is how many messages are on their way at once. Default: 4.
	Workers int
	// Poll is how often the outbox is looked at when it was empty. Default: 5 seconds.
	Poll time.Duration
	// Timeout is how long one channel has for one message. A courier that is told to
	// stop ends after as much for each channel at the latest. Default: 20 seconds.
	Timeout time.Duration
	// MaxAge is how old an event may become. Then it is given up, also when it was
	// never tried: nobody wants the news of last month. Default: 72 hours.
	MaxAge time.Duration
	// GivenUp is told of a message that a channel has refused or did not take in time,
	// once or, after a crash, more often. Default: nil; the log has it too.
	GivenUp func(ctx context.Context, m Message, channel string, err error)
	// Observer is told of every attempt, and of what is given up. Default: nobody is.
	Observer observe.Observer
	// Logger. Default: logs are discarded.
	Logger *slog.Logger
}

// A Courier takes the events of an outbox to channels.
type Courier struct {
	store    Store
	channels map[string]Notifier
	names    []string // of the channels, in order
	options  Options
	retry    backoff.Policy
}

// New returns a courier for the events of the store. A channel's name stands with
// every event that it took: a channel with another name is another channel.
func New(store Store, channels map[string]Notifier, opts *Options) (*Courier, error) {
	c := &Courier{
		store: store, channels: maps.Clone(channels), names: slices.Sorted(maps.Keys(channels)),
		retry: backoff.Policy{Base: 5 * time.Second, Cap: time.Hour},
	}
	if opts != nil {
		c.options = *opts
	}
	if store == nil {
		return nil, errors.New("notify: no store")
	}
	for _, name := range c.names {
		if name == "" || channels[name] == nil {
			return nil, fmt.Errorf("notify: channel %q has no name or no notifier", name)
		}
	}
	o := &c.options
	if o.Workers < 0 || o.Poll < 0 || o.Timeout < 0 || o.MaxAge < 0 {
		return nil, errors.New("notify: a negative option")
	}
	o.Workers = orDefault(o.Workers, 4)
	o.Poll = orDefault(o.Poll, 5*time.Second)
	o.Timeout = orDefault(o.Timeout, 20*time.Second)
	o.MaxAge = orDefault(o.MaxAge, 72*time.Hour)
	if o.Kinds == nil {
		o.Kinds = Kinds()
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	o.Logger = redact.Logger(o.Logger)
	o.Observer = observe.Shield(o.Observer, o.Logger)
	return c, nil
}

func orDefault[T int | time.Duration](v, byDefault T) T {
	if v == 0 {
		return byDefault
	}
	return v
}

// Run delivers, and blocks until ctx ends. It then claims no more, lets what is on its
// way arrive or run into its timeout, and returns nil.
func (c *Courier) Run(ctx context.Context) error {
	var carrying sync.WaitGroup
	defer carrying.Wait()
	hands := make(chan struct{}, c.options.Workers)
	tick := time.NewTicker(c.options.Poll)
	defer tick.Stop()
	for {
		select {
		case hands <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		claimed, err := c.claim(ctx)
		if len(claimed) > 0 {
			carrying.Go(func() {
				defer func() { <-hands }()
				c.settle(ctx, c.carry(ctx, claimed[0]))
			})
			continue
		}
		<-hands
		if err != nil && ctx.Err() == nil {
			c.options.Logger.WarnContext(ctx, "looking at the outbox", "err", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// Drain delivers once what is due now, one message after the other, and returns nil
// when nothing is due any more. It is for hosts that have their own schedule, and for
// tests.
func (c *Courier) Drain(ctx context.Context) error {
	for {
		claimed, err := c.claim(ctx)
		if err != nil || len(claimed) == 0 {
			return err
		}
		c.settle(ctx, c.carry(ctx, claimed[0]))
	}
}

// claim takes one event: a courier claims no more than it has hands for, so that no
// claim ends while its event waits.
func (c *Courier) claim(ctx context.Context) ([]queue.Delivery, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	// Longer than all channels together may take, so that two couriers never carry one
	// event at the same time.
	lease := time.Duration(len(c.names)+1)*c.options.Timeout + settleTimeout + time.Minute
	return c.store.ClaimOutbox(ctx, queue.OutboxClaim{Limit: 1, Lease: lease})
}

// settleTimeout is how long noting the outcome may take.
const settleTimeout = 15 * time.Second

// settle notes how it went. If that fails the event is delivered again when its claim
// ends.
func (c *Courier) settle(ctx context.Context, s queue.Settle) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	if err := c.store.SettleOutbox(ctx, s); err != nil {
		c.options.Logger.WarnContext(ctx, "settling an event", "event", s.Entry, "tenant", s.Tenant, "err", err)
	}
}
