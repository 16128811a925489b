package riverqueue

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/exportyard/exportyard/queue"
)

var _ queue.Permitter = (*Dispatcher)(nil)

// Options adjust a Dispatcher. All that work on the same parts have the same ones.
type Options struct {
	// MaxInFlight is how many permits there are at most, waiting ones included: so many
	// parts are worked on at once, over all hosts. Default: 64.
	MaxInFlight int
	// Presence is how long a permit counts that its host does not confirm, see the
	// package's page. Default: 1 minute; at least 1 second.
	Presence time.Duration
	// Schema is where River's tables are: letters, digits and underscores.
	// Default: "exportyard_river".
	Schema string
	// Queue is the name of River's queue. Default: "exports".
	Queue string
	// PollOnly looks for permits every second instead of listening. Default: false.
	PollOnly bool
	// Logger gets what River says. Default: logs are discarded.
	Logger *slog.Logger
}

func (o Options) withDefaults() (Options, error) {
	if o.MaxInFlight < 0 || o.Presence < 0 || o.Presence > 0 && o.Presence < time.Second {
		return o, errors.New("max in flight is negative, or presence is less than a second")
	}
	if o.MaxInFlight == 0 {
		o.MaxInFlight = 64
	}
	if o.Presence == 0 {
		o.Presence = time.Minute
	}
	if o.Schema == "" {
		o.Schema = "exportyard_river"
	}
	if o.Queue == "" {
		o.Queue = "exports"
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o, nil
}

// A Dispatcher brings permits to workers on any number of hosts. It is safe for concurrent
// use, and starts nothing before Serve. Wait, which is for workers that know no permits,
// hears the rings of this process alone.
type Dispatcher struct {
	*queue.Local
	pool    *pgxpool.Pool
	options Options
	inserts *river.Client[pgx.Tx]
	table   string // of River's jobs
	lock    int64
}

// New returns a dispatcher on the pool, which stays the host's. It does not speak to the
// database yet.
func New(pool *pgxpool.Pool, opts *Options) (*Dispatcher, error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	o, err := o.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("riverqueue: %w", err)
	}
	if pool == nil {
		return nil, errors.New("riverqueue: no pool")
	}
	d := &Dispatcher{
		Local: queue.NewLocal(), pool: pool, options: o,
		table: pgx.Identifier{o.Schema, "river_job"}.Sanitize(), lock: lockOf(o),
	}
	config := d.config()
	config.FetchCooldown = river.FetchCooldownMin // no news of permits within it: they would wait for a poll
	if d.inserts, err = river.NewClient(riverpgxv5.New(pool), config); err != nil {
		return nil, fmt.Errorf("riverqueue: %w", err)
	}
	return d, nil
}

// lockOf names the lock under which permits of a queue are counted.
func lockOf(o Options) int64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte("exportyard permits " + o.Schema + "." + o.Queue)) // never fails
	return int64(h.Sum64())
}

// cooldown is how long River gathers news of permits before it looks, and poll how often
// it looks without.
const (
	cooldown = 10 * time.Millisecond
	poll     = time.Second
)

// config is what all clients of River's have in common.
func (d *Dispatcher) config() *river.Config {
	return &river.Config{
		Schema: d.options.Schema, Logger: d.options.Logger, PollOnly: d.options.PollOnly,
		FetchCooldown: cooldown, FetchPollInterval: poll,
		// A permit is tried once: what is left of a dead host's is discarded.
		MaxAttempts: 1, JobTimeout: -1, RescueStuckJobsAfter: d.options.Presence,
		// Permits tell no story.
		CompletedJobRetentionPeriod: time.Hour, CancelledJobRetentionPeriod: time.Hour, DiscardedJobRetentionPeriod: time.Hour,
	}
}

// ringTimeout bounds how long a ring waits for the database.
const ringTimeout = 5 * time.Second

// Ring brings permits, unless enough of them wait.
func (d *Dispatcher) Ring(ctx context.Context) error {
	if err := d.Local.Ring(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, ringTimeout)
	defer cancel()
	// Who waits now has not asked the store yet, and will see what this ring is about.
	short, err := d.short(ctx, d.pool)
	if err == nil && short > 0 {
		err = pgx.BeginFunc(ctx, d.pool, func(tx pgx.Tx) error { return d.bring(ctx, tx) })
	}
	if err != nil {
		return fmt.Errorf("riverqueue: ring: %w", err)
	}
	return nil
}

// A permit is River's job. It says nothing: the store decides what it is good for.
type permit struct{}

// Kind names permits among River's jobs.
func (permit) Kind() string { return "exportyard_permit" }

// waiting is how many permits wait while there is work. With two, each that was good for a
// part is followed by more than itself.
const waiting = 2

// queried is a pool or a transaction.
type queried interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// short returns how many permits are to be brought. Those of hosts that are gone do not
// count, nor those for later, of a host whose clock is fast.
func (d *Dispatcher) short(ctx context.Context, on queried) (int, error) {
	var all, idle int
	err := on.QueryRow(ctx, "select count(*), count(*) filter (where state <> 'running') from "+d.table+
		" where queue = $1 and (state in ('available', 'scheduled', 'retryable', 'pending') and scheduled_at <= now() + interval '1 s'"+
		" or state = 'running' and attempted_at > now() - make_interval(secs => $2))",
		d.options.Queue, d.options.Presence.Seconds()).Scan(&all, &idle)
	if err != nil {
		return 0, fmt.Errorf("count permits: %w", err)
	}
	return min(waiting-idle, d.options.MaxInFlight-all), nil
}

// bring brings as many permits as are short, under a lock: no more than MaxInFlight, however
// many hosts ring.
func (d *Dispatcher) bring(ctx context.Context, tx pgx.Tx) error {
	if _, err := tx.Exec(ctx, "select pg_advisory_xact_lock($1)", d.lock); err != nil {
		return fmt.Errorf("lock permits: %w", err)
	}
	if err := d.due(ctx, tx); err != nil {
		return err
	}
	short, err := d.short(ctx, tx)
	if err != nil || short <= 0 {
		return err
	}
	more := make([]river.InsertManyParams, short)
	for i := range more {
		more[i] = river.InsertManyParams{Args: permit{}, InsertOpts: &river.InsertOpts{Queue: d.options.Queue}}
	}
	if _, err := d.inserts.InsertManyFastTx(ctx, tx, more); err != nil {
		return fmt.Errorf("insert permits: %w", err)
	}
	return d.due(ctx, tx)
}

// due makes permits good at once that River, which goes by its host's clock, made wait.
func (d *Dispatcher) due(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, "update "+d.table+" set scheduled_at = now() where queue = $1 and state = 'available' and scheduled_at > now()", d.options.Queue)
	if err != nil {
		return fmt.Errorf("set the time of permits: %w", err)
	}
	return nil
}
