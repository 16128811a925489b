package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/exportyard/exportyard/internal/bench/internal/contest"
	"github.com/exportyard/exportyard/internal/bench/internal/duckdb"
	"github.com/exportyard/exportyard/internal/bench/internal/process"
	"github.com/exportyard/exportyard/internal/bench/internal/report"
	"github.com/exportyard/exportyard/internal/bench/internal/runner"
	"github.com/exportyard/exportyard/internal/bench/internal/server"
)

// measure makes the data and runs every case, round by round.
func (o *options) measure(ctx context.Context, log io.Writer) (m machine, tables []*report.Table, err error) {
	if err := process.Supported(); err != nil {
		return m, nil, err
	}
	folder, err := os.MkdirTemp(o.dir, "exportyard-bench-")
	if err != nil {
		return m, nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	begin := time.Now()
	db, err := server.Start(ctx, o.rows)
	if err != nil {
		return m, nil, err
	}
	defer db.Stop()
	if err := db.Load(ctx, o.rows, o.xlsx, o.seed); err != nil {
		return m, nil, fmt.Errorf("load the table: %w", err)
	}
	logf(log, "%d rows are loaded in %.1f s\n", o.rows, time.Since(begin).Seconds())
	programs, err := runner.Build(ctx, folder)
	if err != nil {
		return m, nil, fmt.Errorf("build what is measured: %w", err)
	}
	r := &runner.Runner{Programs: programs, Server: db, Rows: o.rows, XLSXRows: o.xlsx, Seed: o.seed, Folder: folder, Profiles: o.profiles}
	if o.wants(contest.DuckDB) {
		if r.DuckDB, r.NoDuckDB = duckdb.New(ctx, folder, o.rows, o.seed); r.NoDuckDB != nil && ctx.Err() == nil {
			logf(log, "DuckDB is left out: %v\n", r.NoDuckDB)
		}
	}
	m, tables = describe(ctx, db), newTables(o.outputs, r)
	return m, tables, o.play(ctx, r, tables, log)
}

// wants reports whether a case of the group is to be run.
func (o *options) wants(g contest.Group) bool {
	return slices.ContainsFunc(o.outputs, func(out contest.Output) bool {
		return slices.ContainsFunc(out.Cases, func(c contest.Case) bool { return c.Group == g })
	})
}

// newTables has nothing measured yet, and says what cannot be.
func newTables(outputs []contest.Output, r *runner.Runner) (tables []*report.Table) {
	for _, out := range outputs {
		t := &report.Table{Output: out, Name: out.Name}
		for _, c := range out.Cases {
			t.Series = append(t.Series, &report.Series{Case: c, Name: c.Name, Skipped: r.Missing(c)})
		}
		tables = append(tables, t)
	}
	return tables
}

// play runs every case once a round, so that all of them see the same machine,
// until each has its clean runs or the rounds are used up. Every other round goes
// backwards.
func (o *options) play(ctx context.Context, r *runner.Runner, tables []*report.Table, log io.Writer) error {
	for round := range o.rounds + o.repeat {
		for _, step := range o.due(tables, round) {
			sample, err := r.Run(ctx, step.table.Output, step.series.Case)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				return fmt.Errorf("%s, %s: %w", step.table.Name, step.series.Name, err)
			}
			step.series.Samples = append(step.series.Samples, sample)
			logf(log, "round %d  %-15s %-28s %7.2f s  CPU %6.2f + %5.2f s  %5.0f MB  others %.2f%s\n", round+1, step.table.Name, step.series.Name,
				sample.Wall, sample.CPU, sample.Server, float64(sample.Peak)/1e6, sample.Others, disturbed(sample))
		}
	}
	return nil
}

func disturbed(s runner.Sample) string {
	if report.Clean(s) {
		return ""
	}
	return "  disturbed"
}

// A step is one run.
type step struct {
	table  *report.Table
	series *report.Series
}

// due is what a round has to run: all that lack clean runs.
func (o *options) due(tables []*report.Table, round int) (steps []step) {
	for _, t := range tables {
		for _, s := range t.Series {
			if s.Skipped == "" && s.CleanRuns() < o.rounds {
				steps = append(steps, step{t, s})
			}
		}
	}
	if round%2 == 1 {
		slices.Reverse(steps)
	}
	return steps
}

func logf(w io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }
