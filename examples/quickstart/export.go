package main

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	_ "modernc.org/sqlite"

	"github.com/exportyard/exportyard/export"
	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/format/csvfmt"
	"github.com/exportyard/exportyard/format/jsonfmt"
	"github.com/exportyard/exportyard/format/parquetfmt"
	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/sqlstore"
	"github.com/exportyard/exportyard/sink"
	"github.com/exportyard/exportyard/sink/filesink"
	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/sqlsource"
)

// seams let the tests stand between the engine and what it is wired to.
type seams struct {
	source func(source.Source) source.Source
	store  func(queue.JobStore) queue.JobStore
	sink   func(sink.Sink) sink.Sink
	config func(*export.Config)
}

// exportAll makes what the flags ask for, or goes on with it.
func exportAll(ctx context.Context, o *options, show *screen, s seams) (err error) {
	if err := o.place(); err != nil {
		return err
	}
	unlock, err := lockFile(o.state + ".lock")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	if o.db == "" {
		if err := o.demo(ctx, show); err != nil {
			return err
		}
	}
	engine, shut, err := o.wire(ctx, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, shut()) }()

	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan error, 1)
	go func() { done <- engine.Run(running) }()
	manifests, err := o.exportEach(ctx, engine, show)
	if err == nil {
		err = engine.Sweep(ctx) // what killed attempts left behind goes now
	}
	stop()
	if err := errors.Join(err, <-done); err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("stopped; to go on, run it again with -state %s -out %s", o.state, o.out)
		}
		return err
	}
	return show.report(o.out, manifests)
}

// place fills in where files and jobs go.
func (o *options) place() error {
	var dir string
	if o.out == "" || o.state == "" {
		var err error
		if dir, err = os.MkdirTemp("", "exportyard-"); err != nil {
			return err
		}
	}
	if o.out == "" {
		o.out = filepath.Join(dir, "files")
	}
	if o.state == "" {
		o.state = filepath.Join(dir, "jobs.db")
	}
	var err error
	if o.state, err = filepath.Abs(o.state); err != nil {
		return err
	}
	o.out, err = filepath.Abs(o.out)
	return err
}

// wire puts the engine together: this is what a host writes.
func (o *options) wire(ctx context.Context, s seams) (_ *export.Engine, shut func() error, err error) {
	var closers []func() error
	shut = func() error {
		var errs []error
		for i := len(closers) - 1; i >= 0; i-- {
			errs = append(errs, closers[i]())
		}
		return errors.Join(errs...)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, shut())
		}
	}()
	data, err := openSQLite(o.db, "mode=ro")
	if err != nil {
		return nil, shut, err
	}
	closers = append(closers, data.Close)
	var src source.Source
	if src, err = o.source(ctx, data); err != nil {
		return nil, shut, err
	}
	jobs, err := openSQLite(o.state, "")
	if err != nil {
		return nil, shut, err
	}
	closers = append(closers, jobs.Close)
	// The lock proves that nobody else works on these jobs: what a killed
	// process held is taken back at once.
	var store queue.JobStore
	if store, err = sqlstore.Open(ctx, jobs, sqlstore.SQLite, &sqlstore.Options{Exclusive: true}); err != nil {
		return nil, shut, err
	}
	disk, err := filesink.New(o.out, nil)
	if err != nil {
		return nil, shut, err
	}
	closers = append(closers, disk.Close)
	var out sink.Sink = disk
	if s.source != nil {
		src = s.source(src)
	}
	if s.store != nil {
		store = s.store(store)
	}
	if s.sink != nil {
		out = s.sink(out)
	}
	config := export.Config{
		Source: src, Store: store, Sink: out,
		Formats: []format.Formatter{
			csvfmt.Format{}, csvfmt.Format{Profile: csvfmt.Excel}, jsonfmt.Lines{}, jsonfmt.Document{}, parquetfmt.Format{},
		},
	}
	if s.config != nil {
		s.config(&config)
	}
	engine, err := export.New(config)
	return engine, shut, err
}

// openSQLite opens a database file, whatever characters its path has.
func openSQLite(path, query string) (*sql.DB, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	u := url.URL{Scheme: "file", OmitHost: true, Path: filepath.ToSlash(path), RawQuery: query}
	return sql.Open("sqlite", u.String())
}

// source makes every table a dataset, as the database's own catalog has it.
func (o *options) source(ctx context.Context, db *sql.DB) (source.Source, error) {
	tenantColumn, timeColumn := o.tenantColumn, o.timeColumn
	if o.isDemo() {
		tenantColumn, timeColumn = demoTenantColumn, demoTimeColumn
	}
	datasets, err := sqlsource.Discover(ctx, db, sqlsource.SQLite, &sqlsource.DiscoverOptions{
		Tables: o.datasets, TenantColumn: tenantColumn, Unguarded: true, TimeColumn: timeColumn,
	})
	if err != nil {
		return nil, discoverFlags(err)
	}
	if len(datasets) == 0 {
		return nil, fmt.Errorf("%s has no tables", o.db)
	}
	for i := range datasets {
		if tenantColumn != "" && datasets[i].Unguarded {
			// Rows that nobody can tell the tenant of stay where they are.
			datasets[i].Off = func(context.Context, string) (string, error) {
				return "it has no column " + tenantColumn, nil
			}
		}
	}
	return sqlsource.New(db, sqlsource.SQLite, datasets, nil)
}

// discoverFlags says which flags the database's catalog does not bear out.
func discoverFlags(err error) error {
	bad := &badFlags{}
	for line := range strings.SplitSeq(err.Error(), "\n") {
		line = strings.TrimPrefix(line, "sqlsource: discover: ")
		switch {
		case strings.HasPrefix(line, "no table"):
			line = "-dataset: " + line
		case strings.HasPrefix(line, "the column"):
			line = "-time-column: " + line
		default:
			line = "-db: " + line
		}
		bad.problems = append(bad.problems, line)
	}
	return bad
}

// requests are the exports that the flags ask for.
func (o *options) requests() []export.Request {
	r := export.Request{
		Tenant: o.tenant, Actor: "quickstart", Kind: "export", From: o.from, To: o.to, Zone: o.zone, Interval: o.interval,
		Format: o.format, Profile: o.profile, Compression: o.compress,
	}
	for _, name := range o.datasets {
		r.Datasets = append(r.Datasets, export.Selection{Name: name, Columns: o.columns})
	}
	r.All = len(r.Datasets) == 0
	if o.chosen {
		return []export.Request{r}
	}
	snapshot, daily := r, r
	snapshot.Kind, snapshot.Format, snapshot.Profile = "snapshot", "json", ""
	daily.Kind, daily.Interval = "daily", export.Day
	return []export.Request{snapshot, daily}
}

func (o *options) exportEach(ctx context.Context, engine *export.Engine, show *screen) ([]*export.Manifest, error) {
	var manifests []*export.Manifest
	for _, r := range o.requests() {
		m, err := o.exportOne(ctx, engine, r, show)
		if err != nil {
			return nil, err
		}
		manifests = append(manifests, m)
	}
	return manifests, nil
}

// exportOne makes one export, goes on with it, or finds it done; and verifies it.
func (o *options) exportOne(ctx context.Context, engine *export.Engine, r export.Request, show *screen) (*export.Manifest, error) {
	job, err := o.request(ctx, engine, r)
	if err != nil {
		return nil, err
	}
	bar := show.bar(r.Kind)
	for job.State.Active() {
		for j, err := range engine.Watch(ctx, job.Tenant, job.ID, 100*time.Millisecond) {
			if err != nil {
				return nil, err
			}
			job = j
			bar.show(j)
		}
	}
	if job.State != export.Completed {
		return nil, fmt.Errorf("the export %s: %w", job.State, job.Error)
	}
	return engine.Verify(ctx, job.Tenant, job.ID)
}

// request asks for the export under a key made of all that it depends on. The
// same flags find the same job again, unless that one failed.
func (o *options) request(ctx context.Context, engine *export.Engine, r export.Request) (*export.Job, error) {
	body, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	db, err := filepath.Abs(o.db)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %s", db, o.tenantColumn, o.timeColumn, body))
	for attempt := 1; ; attempt++ {
		r.IdempotencyKey = fmt.Sprintf("%s-%d", hex.EncodeToString(sum[:]), attempt)
		job, err := engine.Request(ctx, r)
		if err != nil {
			return nil, err
		}
		switch job.State {
		case export.Failed, export.Canceled, export.Expired:
			if job.Progress.Parts > 0 && attempt < 1000 {
				continue
			}
		}
		return job, nil
	}
}
