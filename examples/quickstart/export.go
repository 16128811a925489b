package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/exportyard/exportyard/examples/quickstart/internal/database"
	"github.com/exportyard/exportyard/examples/quickstart/internal/demo"
	"github.com/exportyard/exportyard/examples/quickstart/internal/screen"
	"github.com/exportyard/exportyard/export"
	"github.com/exportyard/exportyard/export/manifest"
	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/format/csvfmt"
	"github.com/exportyard/exportyard/format/jsonfmt"
	"github.com/exportyard/exportyard/format/parquetfmt"
	"github.com/exportyard/exportyard/format/xlsxfmt"
	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/sqlstore"
	"github.com/exportyard/exportyard/sink"
	"github.com/exportyard/exportyard/sink/filesink"
	"github.com/exportyard/exportyard/source"
)

// seams let the tests stand between the engine and what it is wired to.
type seams struct {
	source func(source.Source) source.Source
	store  func(queue.JobStore) queue.JobStore
	sink   func(sink.Sink) sink.Sink
	config func(*export.Config)
}

// exportAll makes what the flags ask for, or goes on with it.
func exportAll(ctx context.Context, o *options, show *screen.Screen, s seams) error {
	err := o.exportAll(ctx, show, s)
	if err != nil && ctx.Err() != nil {
		if o.state == "" {
			return errors.New("stopped before anything was written")
		}
		return fmt.Errorf("stopped; to go on, run it again with the same flags and -state %s -out %s", o.state, o.out)
	}
	return err
}

func (o *options) exportAll(ctx context.Context, show *screen.Screen, s seams) (err error) {
	var data *database.Data
	if o.given() { // before anything is written
		if data, err = o.open(ctx); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, data.Close()) }()
	}
	if err := o.place(); err != nil {
		return err
	}
	unlock, err := lockFile(o.state + ".lock")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	if !o.given() {
		if err := o.demo(ctx, show); err != nil {
			return err
		}
		if data, err = o.open(ctx); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, data.Close()) }()
	}
	begun, err := o.begin()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, begun.end()) }()
	manifests, err := o.exportFrom(ctx, data.Source, begun, show, s)
	if err != nil {
		return err
	}
	return show.Report(o.out, manifests)
}

// exportFrom runs an engine until the exports have ended.
func (o *options) exportFrom(ctx context.Context, src source.Source, begun *begun, show *screen.Screen, s seams) (_ []*manifest.Manifest, err error) {
	engine, shut, err := o.wire(ctx, src, s)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, shut()) }()
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan error, 1)
	go func() { done <- engine.Run(running) }()
	manifests, err := o.exportEach(ctx, engine, begun, show)
	if ctx.Err() == nil {
		// What killed attempts left behind goes now, and all of a failed export.
		err = errors.Join(err, engine.Sweep(ctx))
	}
	stop()
	return manifests, errors.Join(err, <-done)
}

// place fills in where files and jobs go: what is not given is beside the
// other, or in a new folder.
func (o *options) place() (err error) {
	if o.state == "" {
		dir, err := os.MkdirTemp("", "exportyard-")
		if err != nil {
			return err
		}
		o.state = filepath.Join(dir, "jobs.db")
		if o.out == "" {
			o.out = filepath.Join(dir, "files")
		}
	}
	if o.out == "" {
		o.out = o.state + ".files"
	}
	if o.state, err = filepath.Abs(o.state); err != nil {
		return err
	}
	o.out, err = filepath.Abs(o.out)
	return err
}

// wire puts the engine together: this is what a host writes.
func (o *options) wire(ctx context.Context, src source.Source, s seams) (_ *export.Engine, shut func() error, err error) {
	jobs, err := database.SQLite(o.state, "")
	if err != nil {
		return nil, nil, err
	}
	shut = jobs.Close
	defer func() {
		if err != nil {
			err = errors.Join(err, shut())
		}
	}()
	// The lock proves that nobody else works on these jobs: what a killed
	// process held is taken back at once.
	var store queue.JobStore
	if store, err = sqlstore.Open(ctx, jobs, sqlstore.SQLite, &sqlstore.Options{Exclusive: true}); err != nil {
		return nil, shut, fmt.Errorf("-state %s: %w", o.state, err)
	}
	disk, err := filesink.New(o.out, nil)
	if err != nil {
		return nil, shut, fmt.Errorf("-out %s: %w", o.out, err)
	}
	shut = func() error { return errors.Join(disk.Close(), jobs.Close()) }
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
			csvfmt.Format{}, csvfmt.Format{Profile: csvfmt.Excel}, jsonfmt.Lines{}, jsonfmt.Document{}, parquetfmt.Format{}, xlsxfmt.Format{},
		},
	}
	if s.config != nil {
		s.config(&config)
	}
	engine, err := export.New(config)
	return engine, shut, err
}

// open opens the database and makes its tables datasets.
func (o *options) open(ctx context.Context) (*database.Data, error) {
	opts := database.Options{
		File: o.db, PostgreSQL: o.pg, Tables: o.datasets, TenantColumn: o.tenantColumn, TimeColumn: o.timeColumn,
	}
	if o.isDemo() {
		opts.TenantColumn, opts.TimeColumn = demo.TenantColumn, demo.TimeColumn
	}
	data, err := database.Open(ctx, opts)
	var refusal *database.Refusal
	if errors.As(err, &refusal) {
		return nil, &badFlags{refusal.Problems}
	}
	return data, err
}

// given says that the flags name a database.
func (o *options) given() bool { return o.db != "" || o.pg != "" }

func (o *options) isDemo() bool { return o.db == o.state+".demo.db" }

// demo makes the demo's database beside the jobs, unless a run before has made it.
func (o *options) demo(ctx context.Context, show *screen.Screen) (err error) {
	o.db = o.state + ".demo.db"
	if _, err := os.Stat(o.db); err == nil {
		return nil
	}
	unfinished := o.db + ".unfinished"
	for _, leftover := range []string{unfinished, unfinished + "-journal"} {
		if err := os.Remove(leftover); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	show.Say("making a demo database with %s rows for %d tenants …", screen.Count(demo.Rows), len(demo.Tenants()))
	db, err := database.SQLite(unfinished, "")
	if err != nil {
		return err
	}
	if err := errors.Join(demo.Fill(ctx, db), db.Close()); err != nil {
		return fmt.Errorf("making the demo database: %w", err)
	}
	return os.Rename(unfinished, o.db)
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

func (o *options) exportEach(ctx context.Context, engine *export.Engine, begun *begun, show *screen.Screen) ([]*manifest.Manifest, error) {
	var manifests []*manifest.Manifest
	requests := o.requests()
	for i, r := range requests {
		m, err := o.exportOne(ctx, engine, r, begun, show)
		if err != nil {
			begun.active = begun.active || !begun.fresh && i+1 < len(requests)
			return nil, err
		}
		manifests = append(manifests, m)
	}
	return manifests, nil
}

// exportOne makes one export, goes on with it, or finds it done; and verifies it.
func (o *options) exportOne(ctx context.Context, engine *export.Engine, r export.Request, begun *begun, show *screen.Screen) (*manifest.Manifest, error) {
	begun.active = true
	job, err := request(ctx, engine, r, begun.key)
	if err != nil {
		var refused *export.Error
		if errors.As(err, &refused) && refused.Code != export.CodeUnavailable {
			begun.active = !begun.fresh
		}
		return nil, err
	}
	bar := show.Bar(r.Kind)
	for begun.active = job.State.Active(); job.State.Active(); {
		for j, err := range engine.Watch(ctx, job.Tenant, job.ID, 100*time.Millisecond) {
			if err != nil {
				return nil, err
			}
			job = j
			bar.Show(j)
		}
	}
	begun.active = false
	if job.State != export.Completed {
		return nil, fmt.Errorf("the export %s: %w", job.State, job.Error)
	}
	return engine.Verify(ctx, job.Tenant, job.ID)
}

// request asks for the export under a key made of all that it depends on. The
// same flags find the same job again, unless that one failed.
func request(ctx context.Context, engine *export.Engine, r export.Request, key string) (*export.Job, error) {
	for attempt := 1; ; attempt++ {
		r.IdempotencyKey = fmt.Sprintf("%s-%s-%d", key, r.Kind, attempt)
		job, err := engine.Request(ctx, r)
		if err != nil {
			return nil, err
		}
		switch job.State {
		case export.Failed, export.Canceled, export.Expired:
			continue
		}
		return job, nil
	}
}
