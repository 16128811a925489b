// Package relay hands the audit entries of a store on to a log of the host's: each at
// least once, those of a tenant in the order of their numbers.
package relay

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/exportyard/exportyard/internal/backoff"
	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/feed"
)

const (
	// page is how many entries are handed on at a time.
	page = 200
	// poll is how often the store is asked when nothing was due.
	poll = 5 * time.Second
	// takeTimeout is how long the host's log has for one page, settleTimeout how long
	// noting that it has them may take.
	takeTimeout   = 30 * time.Second
	settleTimeout = 15 * time.Second
	// lease is longer than both together, so that two hosts never hand on the same page at
	// the same time.
	lease = takeTimeout + settleTimeout + time.Minute
)

// A Relay hands entries on. Its fields are not changed while it runs.
type Relay struct {
	Store feed.Store
	// Take gives a page of one tenant's entries to the host's log. When it returns nil the
	// log has them.
	Take func(ctx context.Context, entries []queue.Entry) error
	// Logger is told of what goes wrong.
	Logger *slog.Logger
}

// retry shapes the pauses after failures: when the host's log is down, it is down for all
// tenants.
var retry = backoff.Policy{Base: 2 * time.Second, Cap: time.Minute}

// Run hands on what is due, and blocks until ctx ends. What is on its way then is given
// up and comes again, unless the log has taken it.
func (r *Relay) Run(ctx context.Context) {
	failures := 0
	for ctx.Err() == nil {
		handed, err := r.Next(ctx, retry.Delay(failures+1))
		switch {
		case err != nil && ctx.Err() == nil:
			failures++
			r.Logger.WarnContext(ctx, "handing on the audit log", "err", err)
			rest(ctx, retry.Delay(failures))
		case handed:
			failures = 0
		default:
			rest(ctx, poll)
		}
	}
}

func rest(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// Next hands on one page, if a tenant has one that is due. What the log does not take is
// due again after the delay.
func (r *Relay) Next(ctx context.Context, delay time.Duration) (handed bool, err error) {
	given, ok, err := r.Store.ClaimFeed(ctx, feed.Claim{Lease: lease, Limit: page})
	if err != nil || !ok {
		return false, err
	}
	s := feed.Settle{Tenant: given.Tenant, Attempt: given.Attempt, Taken: given.Taken, Delay: delay}
	if len(given.Entries) > 0 {
		if err = r.take(ctx, given.Entries); err == nil {
			s.Taken, s.Delay = given.Entries[len(given.Entries)-1].Seq, 0
		}
	}
	// The log has them, or has not, whoever stops waiting for this.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	if settleErr := r.Store.SettleFeed(ctx, s); err == nil {
		err = settleErr
	}
	return err == nil, err
}

// take gives a page to the log, whose panic is an error like any other.
func (r *Relay) take(ctx context.Context, entries []queue.Entry) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("relay: the host's log panicked: %v", v)
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, takeTimeout)
	defer cancel()
	return r.Take(ctx, entries)
}
