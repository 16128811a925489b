// Package probe proves destinations: that they take, give, list and delete objects.
package probe

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/exportyard/exportyard/internal/place"
	"github.com/exportyard/exportyard/sink"
)

// Config of a [Prover]; every field is required.
type Config struct {
	// Keys is the template of the folders of jobs.
	Keys string
	// Every is how long a destination counts as proved.
	Every time.Duration
	Now   func() time.Time
	NewID func() string
}

// A Prover proves destinations and remembers for a while which ones it has proved. It is
// safe for concurrent use.
type Prover struct {
	config  Config
	probing singleflight.Group

	mu    sync.Mutex
	tried map[string]result
}

// A result is when a destination was last tried, and how that went.
type result struct {
	at time.Time
	ok bool
}

// New returns a prover that has proved nothing yet.
func New(c Config) *Prover { return &Prover{config: c, tried: make(map[string]result)} }

// timeout bounds the four steps of a probe.
const timeout = time.Minute

// Prove writes, reads, lists and deletes a small object at the destination that goes by
// the name, unless that was proved a short time ago. Those who ask for the same one wait
// for one proof, each as long as its ctx lasts: the error is then that of the ctx.
func (p *Prover) Prove(ctx context.Context, name, tenant string, resolve func(context.Context) (sink.Sink, error)) error {
	if p.lately(name) {
		return nil
	}
	proof := p.probing.DoChan(name, func() (any, error) {
		if p.lately(name) {
			return nil, nil
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
		defer cancel()
		s, err := resolve(ctx)
		if err == nil {
			err = p.try(ctx, s, tenant)
		}
		p.note(name, err == nil)
		return nil, err
	})
	select {
	case done := <-proof:
		return done.Err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *Prover) lately(name string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := p.tried[name]
	return last.ok && p.counts(last, p.config.Now())
}

// counts reports whether a result is of a short time ago.
func (p *Prover) counts(r result, now time.Time) bool {
	age := now.Sub(r.at)
	return age >= 0 && age < p.config.Every
}

func (p *Prover) note(name string, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.tried) > 10_000 { // forget all rather than grow for ever
		clear(p.tried)
	}
	p.tried[name] = result{at: p.config.Now(), ok: ok}
}

// Tried returns how many destinations were tried a short time ago, by how it went.
func (p *Prover) Tried() (proved, failed int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.config.Now()
	for _, last := range p.tried {
		switch {
		case !p.counts(last, now):
		case last.ok:
			proved++
		default:
			failed++
		}
	}
	return proved, failed
}

// folder takes the place of a job in the keys of probes.
const folder = "probes"

// attempts is more than hosts start in one moment: each clears the folder once.
const attempts = 10

// try proves a sink, and removes what killed probes have left there: all of a tenant's
// lie in one folder, whatever the day. The object of another host's probe may be removed
// with them; one whose object vanishes tries again.
func (p *Prover) try(ctx context.Context, s sink.Sink, tenant string) (err error) {
	dir := place.Folder(p.config.Keys, tenant, folder, place.Manifests, time.Time{}) + "/"
	for range attempts {
		if err = sink.Probe(ctx, s, dir+p.config.NewID()+".txt"); !errors.Is(err, sink.ErrNotFound) {
			break
		}
	}
	if err != nil {
		return err
	}
	for o, err := range s.List(ctx, dir) {
		if err == nil {
			err = s.Delete(ctx, o.Key)
		}
		if err != nil {
			return err
		}
	}
	_, err = sink.Clean(ctx, s, dir, p.config.Now().Add(24*time.Hour))
	return err
}
