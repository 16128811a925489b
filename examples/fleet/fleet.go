package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"golang.org/x/sync/errgroup"

	"github.com/exportyard/exportyard/examples/fleet/internal/board"
	"github.com/exportyard/exportyard/examples/fleet/internal/bucket"
	"github.com/exportyard/exportyard/examples/fleet/internal/postgres"
	"github.com/exportyard/exportyard/export"
	"github.com/exportyard/exportyard/queue/riverqueue"
	"github.com/exportyard/exportyard/queue/sqlstore"
)

// demonstrate starts everything, waits until every export is verified, and ends everything.
func demonstrate(ctx context.Context, o *options, stdout io.Writer) (err error) {
	show := board.New(stdout)
	show.Say("starting PostgreSQL and a bucket; making %s rows for %d tenants …", board.Count(int64(o.tenants*o.rows)), o.tenants)
	database, err := postgres.Start(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, database.Stop()) }()
	store, err := bucket.Serve(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Stop()) }()
	s := site{DSN: database.DSN(), Bucket: store.URL, PartRows: max(int64(o.rows/8), 1)}
	if err := s.prepare(ctx, o); err != nil {
		return err
	}
	h, err := s.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	f := &fleet{options: o, site: s, host: h, board: show, files: map[string]bool{}, slots: make([]*slot, o.workers), began: time.Now()}
	for i := range f.slots {
		f.slots[i] = &slot{}
	}
	if err := f.request(ctx); err != nil {
		return err
	}
	if err := f.work(ctx); err != nil {
		return err
	}
	if err := f.clean(ctx); err != nil {
		return err
	}
	kills := 0
	for _, s := range f.slots {
		kills += s.killed
	}
	show.Say("verified: %d exports, %s rows, %d kills, %.0f seconds", o.tenants, board.Count(int64(o.tenants*o.rows)), kills, time.Since(f.began).Seconds())
	return show.Err()
}

// prepare makes the rows, and the tables of the store and of River.
func (s site) prepare(ctx context.Context, o *options) (err error) {
	pool, err := pgxpool.New(ctx, s.DSN)
	if err != nil {
		return err
	}
	defer pool.Close()
	for _, statement := range []string{
		"create table runs (run_id bigint primary key, org_id text not null, prompt text, credit_cost numeric(12,4) not null)",
		fmt.Sprintf(`insert into runs select i, 'tenant-' || i %% %[1]d, 'run "' || i || '", ' || repeat('x', (i %% 90)::int), (i %% 100000) / 10000.0
			from generate_series(0, %[1]d::bigint * %[2]d - 1) i`, o.tenants, o.rows),
		"create unique index runs_of_org on runs (org_id, run_id)",
		"analyze runs",
	} {
		if _, err := pool.Exec(ctx, statement); err != nil {
			return fmt.Errorf("make the rows: %w", err)
		}
	}
	jobs := stdlib.OpenDBFromPool(pool)
	defer func() { err = errors.Join(err, jobs.Close()) }()
	if err := sqlstore.Migrate(ctx, jobs, sqlstore.PostgreSQL); err != nil {
		return err
	}
	return riverqueue.Migrate(ctx, pool, nil)
}

// A fleet is what the program looks after.
type fleet struct {
	*options
	site
	*host
	board   *board.Board
	slots   []*slot
	began   time.Time
	exports []*followed
	files   map[string]bool // keys in the bucket that the verified manifests name
}

// A followed is an export as it was last seen.
type followed struct {
	*export.Job
	stage board.Stage
}

// request asks for an export for each tenant.
func (f *fleet) request(ctx context.Context) error {
	for i := range f.tenants {
		j, err := f.engine.Request(ctx, export.Request{
			Tenant: fmt.Sprintf("tenant-%d", i), Actor: "fleet", All: true, Format: "csv", Compression: export.Gzip,
		})
		if err != nil {
			return err
		}
		f.exports = append(f.exports, &followed{Job: j})
	}
	return nil
}

// work lets workers work, and die, until every export is verified.
func (f *fleet) work(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	for _, s := range f.slots {
		group.Go(func() error { return s.keep(ctx, f.site) })
	}
	group.Go(func() error { return f.killSome(ctx) })
	group.Go(func() error {
		if err := f.follow(ctx); err != nil {
			return err
		}
		cancel()
		return nil
	})
	return group.Wait()
}

// killSome kills a worker now and then.
func (f *fleet) killSome(ctx context.Context) error {
	if f.kill == 0 {
		return nil
	}
	random := rand.New(rand.NewPCG(f.seed, f.seed))
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(f.kill/2 + time.Duration(random.Int64N(int64(f.kill)))):
		}
		if err := f.slots[random.IntN(len(f.slots))].kill(); err != nil {
			return err
		}
	}
}
