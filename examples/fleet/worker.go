package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/exportyard/exportyard/examples/fleet/internal/bucket"
	"github.com/exportyard/exportyard/export"
	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/format/csvfmt"
	"github.com/exportyard/exportyard/queue/riverqueue"
	"github.com/exportyard/exportyard/queue/sqlstore"
	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/pgsource"
)

// A site is what all processes share.
type site struct {
	DSN    string // of PostgreSQL: of the rows, the jobs, and River
	Bucket string // URL of the store
	// PartRows is how many rows a part has.
	PartRows int64
}

// siteVariable makes the program a worker. It holds a site.
const siteVariable = "EXPORTYARD_FLEET_SITE"

// work is a worker process: it works until it is told to stop, or the program is gone.
func work(ctx context.Context, text string) int {
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(1) // the program is gone, and all that a worker needs with it
	}()
	err := func() (err error) {
		var s site
		if err := json.Unmarshal([]byte(text), &s); err != nil {
			return err
		}
		h, err := s.open(ctx)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, h.close()) }()
		return h.engine.Run(ctx)
	}()
	if err != nil && ctx.Err() == nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// A host is an engine and what it is wired to. Whoever asks for exports is one, too.
type host struct {
	engine *export.Engine
	bucket *bucket.Bucket
	pool   *pgxpool.Pool
	jobs   *sql.DB
}

func (h *host) close() error {
	err := h.jobs.Close()
	h.pool.Close()
	if h.bucket != nil {
		err = errors.Join(err, h.bucket.Close())
	}
	return err
}

// open connects to what all processes share.
func (s site) open(ctx context.Context) (_ *host, err error) {
	h := &host{}
	if h.pool, err = pgxpool.New(ctx, s.DSN+" pool_max_conns=16"); err != nil {
		return nil, err
	}
	h.jobs = stdlib.OpenDBFromPool(h.pool)
	if h.bucket, err = bucket.Open(ctx, s.Bucket); err != nil {
		return nil, errors.Join(err, h.close())
	}
	if h.engine, err = s.wire(ctx, h); err != nil {
		return nil, errors.Join(err, h.close())
	}
	return h, nil
}

// wire puts the engine together: this is what a host writes.
func (s site) wire(ctx context.Context, h *host) (*export.Engine, error) {
	src, err := pgsource.New(h.pool, []pgsource.Dataset{{
		Name: "runs", Table: "runs", Key: []string{"run_id"}, Tenant: "org_id",
		Fields: []source.Field{
			{Name: "run_id", Kind: source.Int64},
			{Name: "org_id", Kind: source.String},
			{Name: "prompt", Kind: source.String},
			{Name: "credit_cost", Kind: source.Decimal(12, 4)},
		},
	}}, nil)
	if err != nil {
		return nil, err
	}
	store, err := sqlstore.Open(ctx, h.jobs, sqlstore.PostgreSQL, nil)
	if err != nil {
		return nil, err
	}
	river, err := riverqueue.New(h.pool, &riverqueue.Options{Presence: 2 * time.Second})
	if err != nil {
		return nil, err
	}
	return export.New(export.Config{
		Source: src, Store: store, Sink: h.bucket, Dispatcher: river,
		Formats:  []format.Formatter{csvfmt.Format{}},
		PartRows: s.PartRows, Workers: 1,
		// Processes die here every few seconds: short leases, and any number of crashes.
		Lease: 4 * time.Second, Sweep: time.Second, Grace: time.Second, MaxCrashes: 1 << 20,
	})
}
