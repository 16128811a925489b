package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"github.com/exportyard/exportyard/export/observe"
	"github.com/exportyard/exportyard/internal/redact"
	"github.com/exportyard/exportyard/queue"
)

// A progress says how far an event is. It is stored with the event.
type progress struct {
	// Channels that were asked, by name.
	Channels map[string]channelProgress `json:"channels,omitempty"`
	// Error is why no channel could be asked.
	Error string `json:"error,omitempty"`
}

type channelProgress struct {
	State   channelState `json:"state"`
	Error   string       `json:"error,omitempty"`
	Reached []string     `json:"reached,omitempty"`
}

type channelState string

const (
	taken   channelState = "taken"
	waiting channelState = "waiting" // to be tried again
	refused channelState = "refused"
	overdue channelState = "overdue" // was not taken before the event was too old
)

// progressVersion is the version of stored progress.
const progressVersion = 1

func readProgress(p queue.Payload) (progress, error) {
	var have progress
	if p.Version > progressVersion {
		return have, fmt.Errorf("notify: progress of version %d, this code reads %d", p.Version, progressVersion)
	}
	if len(p.Data) > 0 {
		if err := json.Unmarshal(p.Data, &have); err != nil {
			return have, fmt.Errorf("notify: progress cannot be read: %w", err)
		}
	}
	have.Error = ""
	if have.Channels == nil {
		have.Channels = map[string]channelProgress{}
	}
	return have, nil
}

// A trip is one attempt to take an event to its channels.
type trip struct {
	*Courier
	d       queue.Delivery
	message Message
	have    progress
	// after is how long the next attempt should wait at least.
	after time.Duration
}

// maxRetryAfter bounds what a receiver can ask for.
const maxRetryAfter = 24 * time.Hour

// carry takes an event to all channels that have not ended with it, and returns how it
// went.
func (c *Courier) carry(ctx context.Context, d queue.Delivery) queue.Settle {
	ctx = context.WithoutCancel(ctx)
	t := &trip{Courier: c, d: d}
	if !c.tells(Kind(d.Entry.Type)) {
		return t.settled(queue.Delivered, 0)
	}
	var err error
	if t.have, err = readProgress(d.Progress); err != nil {
		// Newer code wrote it, and newer code will go on.
		s := t.again(ctx, err)
		s.Progress = d.Progress
		return s
	}
	if t.message, err = messageOf(d.Entry, c.options.URL); err != nil {
		return t.again(ctx, err)
	}
	asking, cancel := context.WithTimeout(ctx, c.options.Timeout)
	wanted, err := c.complete(asking, &t.message)
	cancel()
	switch {
	case err != nil:
		return t.again(ctx, fmt.Errorf("notify: ask for job %s: %w", t.message.Job, err))
	case !wanted:
		return t.settled(queue.Delivered, 0)
	case t.age() < c.options.MaxAge:
		for _, name := range c.names {
			t.ask(ctx, name)
		}
	}
	return t.outcome(ctx)
}

// ask gives the message to a channel, unless that has ended with it.
func (t *trip) ask(ctx context.Context, name string) {
	was := t.have.Channels[name]
	if was.State == taken || was.State == refused {
		return
	}
	m := t.message
	m.Reached = slices.Clone(was.Reached)
	d, begun := t.delivery(name), time.Now()
	ctx = observe.Begin(ctx, t.options.Observer, d)
	err := t.call(ctx, t.channels[name], m)
	now := channelProgress{State: taken}
	var retry *RetryError
	switch {
	case errors.Is(err, ErrRefused):
		now = channelProgress{State: refused, Error: redact.Text(err.Error())}
	case errors.As(err, &retry):
		t.after = max(t.after, min(retry.After, maxRetryAfter))
		now = channelProgress{State: waiting, Error: redact.Text(err.Error()), Reached: slices.Compact(slices.Sorted(slices.Values(slices.Concat(was.Reached, retry.Reached))))}
	case err != nil:
		now = channelProgress{State: waiting, Error: redact.Text(err.Error()), Reached: was.Reached}
	}
	t.have.Channels[name] = now
	observe.Tell(ctx, t.options.Observer, observe.DeliveryEnded{Delivery: d, Outcome: outcomes[now.State], Duration: time.Since(begun), Age: t.age()})
	if now.State == refused {
		t.giveUp(ctx, name, err)
	}
}

// outcomes are what observers call the states that an attempt can lead to.
var outcomes = map[channelState]observe.DeliveryOutcome{taken: observe.Taken, waiting: observe.Waiting, refused: observe.Rejected}

// call gives the message to a notifier, whose panic is an error like any other. What was
// thrown may be anything, so the error has its type and the log the stack.
func (t *trip) call(ctx context.Context, n Notifier, m Message) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("notify: the notifier panicked with a %T", v)
			t.options.Logger.ErrorContext(ctx, "a notifier panicked", "event", m.ID, "tenant", m.Tenant, "err", err, "stack", string(debug.Stack()))
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, t.options.Timeout)
	defer cancel()
	return n.Deliver(ctx, m)
}

func (t *trip) delivery(channel string) observe.Delivery {
	return observe.Delivery{
		Tenant: t.message.Tenant, Job: t.message.Job, Event: t.message.ID, Type: string(t.message.Kind),
		Channel: channel, Attempt: t.d.Attempt,
	}
}

// age is how long ago the event was, when this attempt began.
func (t *trip) age() time.Duration { return t.d.Now.Sub(t.d.Entry.At) }

// outcome settles an event after its channels were asked.
func (t *trip) outcome(ctx context.Context) queue.Settle {
	state := queue.Delivered
	var open []string
	for _, name := range t.names {
		switch t.have.Channels[name].State {
		case taken:
		case refused:
			state = queue.GivenUp
		default:
			open = append(open, name)
		}
	}
	if len(open) == 0 {
		return t.settled(state, 0)
	}
	delay, tooLate := t.delay()
	if !tooLate {
		return t.settled(queue.Undelivered, delay)
	}
	for _, name := range open {
		p := t.have.Channels[name]
		why := fmt.Errorf("notify: not taken within %v", t.options.MaxAge)
		if p.Error != "" {
			why = fmt.Errorf("%w: %s", why, p.Error)
		}
		t.have.Channels[name] = channelProgress{State: overdue, Error: redact.Text(why.Error())}
		t.giveUp(ctx, name, why)
	}
	return t.settled(queue.GivenUp, 0)
}

// delay returns how long the next attempt waits, and whether that would be too late.
func (t *trip) delay() (delay time.Duration, tooLate bool) {
	delay = max(t.retry.Delay(int(min(t.d.Attempt, 1000))), t.after)
	return delay, t.d.Now.Add(delay).Sub(t.d.Entry.At) >= t.options.MaxAge
}

// again settles an event for which no channel could be asked.
func (t *trip) again(ctx context.Context, why error) queue.Settle {
	t.options.Logger.WarnContext(ctx, "reading an event", "event", t.d.Entry.ID, "tenant", t.d.Entry.Tenant, "err", why)
	t.have.Error = redact.Text(why.Error())
	delay, tooLate := t.delay()
	if tooLate {
		return t.settled(queue.GivenUp, 0)
	}
	return t.settled(queue.Undelivered, delay)
}

func (t *trip) settled(state queue.DeliveryState, delay time.Duration) queue.Settle {
	data, err := json.Marshal(t.have)
	if err != nil {
		data = nil // It holds strings only, so this does not happen.
	}
	return queue.Settle{
		Tenant: t.d.Entry.Tenant, Entry: t.d.Entry.ID, Attempt: t.d.Attempt, State: state, Delay: delay,
		Progress: queue.Payload{Version: progressVersion, Data: data},
	}
}

func (t *trip) giveUp(ctx context.Context, name string, why error) {
	t.options.Logger.WarnContext(ctx, "a message was given up", "event", t.message.ID, "kind", t.message.Kind,
		"tenant", t.message.Tenant, "job", t.message.Job, "channel", name, "err", why)
	observe.Tell(ctx, t.options.Observer, observe.MessageGivenUp{Delivery: t.delivery(name), Age: t.age()})
	if t.options.GivenUp != nil {
		t.options.GivenUp(ctx, t.message, name, why)
	}
}
