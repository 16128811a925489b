package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"math"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	// The driver of database/sql.
	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/exportyard/exportyard/export"
	"github.com/exportyard/exportyard/export/manifest"
	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/format/csvfmt"
	"github.com/exportyard/exportyard/format/formattest"
	"github.com/exportyard/exportyard/format/jsonfmt"
	"github.com/exportyard/exportyard/format/parquetfmt"
	"github.com/exportyard/exportyard/format/xlsxfmt"
	"github.com/exportyard/exportyard/internal/bench/internal/task"
	"github.com/exportyard/exportyard/internal/bench/internal/usage"
	"github.com/exportyard/exportyard/queue/memstore"
	"github.com/exportyard/exportyard/sink/filesink"
	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/pgsource"
	"github.com/exportyard/exportyard/source/slicesource"
	"github.com/exportyard/exportyard/source/sqlsource"
)

// tenant is who exports; the table is nobody's in particular.
const tenant = "acme"

// exportTable exports through the engine as a host wires it, the whole table as one part.
func exportTable(ctx context.Context, t task.Task) (r task.Result, err error) {
	src, release, err := sourceOf(ctx, t)
	if err != nil {
		return r, err
	}
	defer release()
	disk, err := filesink.New(t.Folder, nil)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, disk.Close()) }()
	s := span{here: t.Here}
	engine, err := export.New(export.Config{
		Source: watchedSource{src, &s}, Sink: watchedSink{disk, &s}, Store: memstore.New(nil),
		PartRows: math.MaxInt64, PartBytes: math.MaxInt64, Level: t.Level, MaxAttempts: 1,
		Formats: []format.Formatter{csvfmt.Format{}, jsonfmt.Lines{}, jsonfmt.Document{}, parquetfmt.Format{}, xlsxfmt.Format{}},
	})
	if err != nil {
		return r, err
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- engine.Run(ctx) }()
	defer func() {
		cancel()
		err = errors.Join(err, <-done)
	}()
	begin := time.Now()
	m, err := completed(ctx, engine, export.Request{
		Tenant: tenant, All: true, Format: t.Format, Compression: compression(t), Layout: export.Files,
	})
	if err != nil {
		return r, err
	}
	if m.Rows != int64(t.Rows) || len(m.Files) != 1 {
		return r, fmt.Errorf("the export has %d rows in %d files", m.Rows, len(m.Files))
	}
	r.Fill(s.from, s.to)
	r.Before, r.After = s.from.At.Sub(begin).Seconds(), time.Since(s.to.At).Seconds()
	r.Rows, r.Bytes = m.Rows, m.Bytes
	return r, nil
}

// compression is what a request says: nothing for files that have their own.
func compression(t task.Task) format.Compression {
	if t.Format == "parquet" || t.Format == "xlsx" {
		return ""
	}
	return format.Compression(t.Codec)
}

// completed makes an export and follows it to its end.
func completed(ctx context.Context, engine *export.Engine, r export.Request) (*manifest.Manifest, error) {
	job, err := engine.Request(ctx, r)
	if err != nil {
		return nil, err
	}
	for now, err := range engine.Watch(ctx, job.Tenant, job.ID, time.Second) {
		if err != nil {
			return nil, err
		}
		job = now
	}
	if job.State != export.Completed {
		return nil, fmt.Errorf("the export is %s: %w", job.State, job.Error)
	}
	return engine.Manifest(ctx, job.Tenant, job.ID)
}

// sourceOf wires where the rows come from. The count that a source makes before it
// reads is left out: the plan has counted already, and what the server says to
// have sent is compared all the same.
func sourceOf(ctx context.Context, t task.Task) (source.Source, func(), error) {
	switch t.Source {
	case task.PostgreSQL:
		pool, err := pgxpool.New(ctx, t.DSN)
		if err != nil {
			return nil, nil, err
		}
		src, err := pgsource.New(pool, []pgsource.Dataset{{Name: usage.Table, Table: t.Table, Unguarded: true, Fields: formattest.UsageSchema()}},
			&pgsource.Options{OmitCount: true, Connections: t.Connections})
		return src, pool.Close, err
	case task.DatabaseSQL:
		db, err := sql.Open("pgx", t.DSN)
		if err != nil {
			return nil, nil, err
		}
		src, err := sqlsource.New(db, sqlsource.PostgreSQL, []sqlsource.Dataset{{Name: usage.Table, Table: t.Table, Unguarded: true, Fields: formattest.UsageSchema()}},
			&sqlsource.Options{OmitCount: true})
		return src, func() { _ = db.Close() }, err
	case task.Memory:
		rows, err := usage.Rows(task.MemoryRows, t.Seed)
		if err != nil {
			return nil, nil, err
		}
		src, err := slicesource.NewFunc(usage.Table, repeated(rows, t.Rows), &slicesource.Options{Unguarded: true})
		return src, func() {}, err
	}
	return nil, nil, fmt.Errorf("no source is called %q", t.Source)
}

// repeated gives n rows, the same ones again and again.
func repeated(rows []usage.Row, n int) func(context.Context, source.Query) iter.Seq2[*usage.Row, error] {
	return func(context.Context, source.Query) iter.Seq2[*usage.Row, error] {
		return func(yield func(*usage.Row, error) bool) {
			for i := range n {
				if !yield(&rows[i%len(rows)], nil) {
					return
				}
			}
		}
	}
}
