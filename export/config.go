package export

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"time"

	"github.com/exportyard/exportyard/export/observe"
	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/internal/place"
	"github.com/exportyard/exportyard/internal/redact"
	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/feed"
	"github.com/exportyard/exportyard/sink"
	"github.com/exportyard/exportyard/source"
)

// Config wires an [Engine]. Source, Store, Formats and one of Sink and
// Destination are required; the zero value of everything else is its default.
type Config struct {
	// Source is where rows come from.
	Source source.Source
	// Store keeps the jobs.
	Store queue.JobStore
	// Sink is the platform's own destination, used for every tenant.
	Sink sink.Sink
	// Destination resolves the destination of a tenant, by the name that the
	// request gave (often empty). It is asked anew for every part, so that
	// credentials can change. Default: Sink for every tenant.
	Destination func(ctx context.Context, tenant, name string) (Destination, error)
	// Formats that requests may ask for.
	Formats []format.Formatter
	// Dispatcher wakes workers, or lets them work by permits, see [queue.Permitter].
	// Default: [queue.NewLocal].
	Dispatcher queue.Dispatcher
	// Observer is told what this engine does. Default: nobody but Logger is.
	Observer observe.Observer
	// Auditor is handed every entry of the audit log; it needs a store that is a
	// [feed.Store]. Default: nobody.
	Auditor Auditor
	// Logger. Default: logs are discarded.
	Logger *slog.Logger

	// Keys is the folder of an export's objects, with the placeholders
	// {tenant}, {job}, {dataset}, {year}, {month} and {day}; {job} must be
	// in it. Default: "{tenant}/{job}".
	Keys string
	// Keep is how long the files of an export stay at a destination that is
	// not the tenant's own. Default: 7 days. Negative: until deleted.
	Keep time.Duration
	// ExpiryNotice is how long before its files expire the event export.expiring tells
	// who asked for an export; one that is kept no longer than this has none. Default:
	// 24 hours. Negative: nobody is told.
	ExpiryNotice time.Duration
	// MaxAge is how long a job may be active before it fails. Default: 48 hours.
	MaxAge time.Duration

	// Parts is how many parts this engine works on at once. Default: 2.
	Parts int
	// TenantParts is how many parts of a tenant all engines on the store together work on
	// at once, and AllParts of all tenants. Default: 0, as many as they have hands for.
	TenantParts, AllParts int
	// Workers is how many goroutines encode and compress for one part.
	// Default: GOMAXPROCS, at most 8.
	Workers int
	// Level of the compression, as the codec counts. Default: the codec's own (gzip 3, zstd 2).
	Level int
	// PartRows is the number of rows above which a dataset or period is cut
	// into parts, where the source can do that. Default: 100,000, and
	// 1,000,000 for formats whose parts cannot be joined.
	PartRows int64
	// PartBytes is the same for the bytes of the rows' cells, estimated from
	// the first of them. Default: 256 MiB.
	PartBytes int64
	// FileRows and FileBytes are where files are rolled, at the boundary of a
	// part; bytes as stored. Default: 0, never.
	FileRows, FileBytes int64
	// MaxParts is how many parts one export may have. Default: 100,000.
	MaxParts int
	// RequireSnapshot makes every export show its source at one instant: when
	// the snapshot that the plan took is lost, because its engine ended, all
	// parts are read again from a new one, by one engine. A source that gives
	// none fails the export. Default: snapshots are used where there are any,
	// and the manifest says what the rows show.
	RequireSnapshot bool

	// Lease is how long a worker that does not answer keeps its part. It
	// renews at a quarter of it. Default: 60 seconds.
	Lease time.Duration
	// Sweep is how often the engine looks for expired leases, deadlines and
	// files. Default: 15 seconds.
	Sweep time.Duration
	// Poll is how often an idle engine looks for work without having been rung; one that
	// works by permits does not. Default: 1 second.
	Poll time.Duration
	// Grace is how long Run lets parts finish after its context ended. Default: 10 seconds.
	Grace time.Duration
	// MaxAttempts is how often a part is tried when errors pass. Default: 5.
	MaxAttempts int
	// MaxCrashes is how many crashes, each of a part that ran alone, fail a job. Default: 3.
	MaxCrashes int
	// RetryBase and RetryCap shape the delays before retries. Default: 1 and 60 seconds.
	RetryBase, RetryCap time.Duration
	// MaxFailures is how many exports of a schedule may fail in a row before it pauses
	// itself. Default: 5. Negative: it never does.
	MaxFailures int
	// Limits are from when on Health calls something a concern.
	Limits HealthLimits
	// CleanAfter is when a job's folder is looked at a second time for what
	// workers wrote after they had lost their lease. Default: 1 hour.
	CleanAfter time.Duration
	// ProbeEvery is how long a destination counts as verified. Default: 5 minutes.
	ProbeEvery time.Duration

	// SigningKey, when set, signs every manifest.
	SigningKey ed25519.PrivateKey
	// NewID makes the ids of jobs and entries: unique, valid as one segment
	// of a key, at best in order of time. Default: 26 characters of time and
	// randomness.
	NewID func() string
	// Uint64N returns a random number in [0, n), for the jitter of delays; it is
	// called by several goroutines at once. Default: that of math/rand/v2.
	Uint64N func(n uint64) uint64
	// Now is the clock for what the engine records by itself, such as when a
	// part was read; all deadlines go by the store's clock. Default: time.Now.
	Now func() time.Time
}

// A Destination is where the files of a tenant go.
type Destination struct {
	// Sink that takes them.
	Sink sink.Sink
	// Own says that it is the tenant's own bucket: files stay until somebody
	// deletes them, unless Keep says otherwise.
	Own bool
	// Keep overrides Config.Keep when not 0.
	Keep time.Duration
}

func (c *Config) validate() error {
	var errs []error
	need := func(ok bool, text string) {
		if !ok {
			errs = append(errs, errors.New("export: "+text))
		}
	}
	need(c.Source != nil, "Config.Source is required")
	need(c.Store != nil, "Config.Store is required")
	_, feeds := feed.Of(c.Store)
	need(c.Auditor == nil || feeds, "Config.Auditor needs a Config.Store that is a feed.Store")
	need(len(c.Formats) > 0, "Config.Formats needs at least one format")
	need((c.Sink != nil) != (c.Destination != nil), "set exactly one of Config.Sink and Config.Destination")
	need(c.SigningKey == nil || len(c.SigningKey) == ed25519.PrivateKeySize, "Config.SigningKey is not an Ed25519 private key")
	if err := place.CheckTemplate(c.Keys); err != nil {
		errs = append(errs, fmt.Errorf("export: Config.Keys: %w", err))
	}
	return errors.Join(errs...)
}

// or returns v, or fallback when v is not positive.
func or[T int | int64 | time.Duration](v, fallback T) T {
	if v <= 0 {
		return fallback
	}
	return v
}

func (c Config) withDefaults() Config {
	if c.Dispatcher == nil {
		c.Dispatcher = queue.NewLocal()
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	c.Logger = redact.Logger(c.Logger)
	c.Observer = watcher(c.Observer, c.Logger)
	if c.Destination == nil {
		s := c.Sink
		c.Destination = func(context.Context, string, string) (Destination, error) { return Destination{Sink: s}, nil }
	}
	if c.Keys == "" {
		c.Keys = "{tenant}/{job}"
	}
	if c.Keep == 0 {
		c.Keep = 7 * 24 * time.Hour
	}
	if c.ExpiryNotice == 0 {
		c.ExpiryNotice = 24 * time.Hour
	}
	c.MaxAge = or(c.MaxAge, 48*time.Hour)
	c.Parts = or(c.Parts, 2)
	c.Workers = or(c.Workers, min(runtime.GOMAXPROCS(0), 8))
	c.PartBytes = or(c.PartBytes, 256<<20)
	c.MaxParts = or(c.MaxParts, 100_000)
	c.Lease = or(c.Lease, time.Minute)
	c.Sweep = or(c.Sweep, 15*time.Second)
	c.Poll = or(c.Poll, time.Second)
	c.Grace = or(c.Grace, 10*time.Second)
	c.MaxAttempts = or(c.MaxAttempts, 5)
	c.MaxCrashes = or(c.MaxCrashes, 3)
	c.RetryBase = or(c.RetryBase, time.Second)
	c.RetryCap = or(c.RetryCap, time.Minute)
	c.Limits = c.Limits.withDefaults(c.Sweep)
	c.CleanAfter = or(c.CleanAfter, time.Hour)
	c.ProbeEvery = or(c.ProbeEvery, 5*time.Minute)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.NewID == nil {
		now := c.Now
		c.NewID = func() string { return place.NewID(now()) }
	}
	return c
}
