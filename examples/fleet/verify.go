package main

import (
	"compress/gzip"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/exportyard/exportyard/examples/fleet/internal/board"
	"github.com/exportyard/exportyard/export"
	"github.com/exportyard/exportyard/export/manifest"
)

// look is how often the program looks at the exports.
const look = 250 * time.Millisecond

// follow shows the exports until all of them are verified. It verifies one at a time, so
// that the workers have the machine.
func (f *fleet) follow(ctx context.Context) error {
	tick := time.NewTicker(look)
	defer tick.Stop()
	for verified := 0; verified < len(f.exports); {
		for _, e := range f.exports {
			if err := f.see(ctx, e); err != nil {
				return err
			}
		}
		f.board.Show(f.picture())
		for _, e := range f.exports {
			if e.stage != board.Completed {
				continue
			}
			if err := f.verify(ctx, e.Job); err != nil {
				return fmt.Errorf("%s: %w", e.Tenant, err)
			}
			e.stage = board.Verified
			verified++
			f.board.Show(f.picture())
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}

// picture is what the board shows.
func (f *fleet) picture() board.Picture {
	p := board.Picture{Elapsed: time.Since(f.began), RowsAll: int64(f.tenants) * int64(f.rows)}
	for _, e := range f.exports {
		p.Exports = append(p.Exports, e.stage)
		p.Parts, p.PartsSealed = p.Parts+e.Progress.Parts, p.PartsSealed+e.Progress.PartsSealed
		if e.stage >= board.Completed {
			p.Rows += e.Rows
		} else {
			p.Rows += e.Progress.Rows
		}
	}
	for _, s := range f.slots {
		p.Workers = append(p.Workers, s.look())
	}
	return p
}

// see looks where an export is.
func (f *fleet) see(ctx context.Context, e *followed) (err error) {
	if e.stage >= board.Completed {
		return nil
	}
	if e.Job, err = f.engine.Get(ctx, e.Tenant, e.ID); err != nil {
		return err
	}
	switch e.State {
	case export.Pending:
	case export.Running:
		e.stage = board.Running
	case export.Completed:
		e.stage = board.Completed
	default:
		return fmt.Errorf("%s: the export has %s: %w", e.Tenant, e.State, e.Error)
	}
	return nil
}

// verify proves an export: by its manifest, and row by row against the database.
func (f *fleet) verify(ctx context.Context, j *export.Job) error {
	m, err := f.engine.Verify(ctx, j.Tenant, j.ID)
	if err != nil {
		return err
	}
	if m.Rows != int64(f.rows) {
		return fmt.Errorf("it has %d rows, not %d", m.Rows, f.rows)
	}
	want, err := f.pool.Query(ctx, "select run_id::text, org_id, prompt, credit_cost::text from runs where org_id = $1 order by runs.run_id", j.Tenant)
	if err != nil {
		return err
	}
	defer want.Close()
	for _, file := range m.Files {
		if err := f.compare(ctx, file, want); err != nil {
			return fmt.Errorf("%s: %w", file.Key, err)
		}
	}
	if want.Next() {
		return errors.New("the database has more rows")
	}
	f.files[m.Key] = true
	for _, file := range m.Files {
		f.files[file.Key] = true
	}
	return want.Err()
}

// compare reads a file beside the database's rows.
func (f *fleet) compare(ctx context.Context, file manifest.File, want pgx.Rows) (err error) {
	object, err := f.bucket.Open(ctx, file.Key, 0, -1)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, object.Close()) }()
	text, err := gzip.NewReader(object)
	if err != nil {
		return err
	}
	rows := csv.NewReader(text)
	if _, err := rows.Read(); err != nil { // the names of the columns
		return err
	}
	for n := 1; ; n++ {
		got, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if !want.Next() {
			return errors.Join(fmt.Errorf("row %d is not in the database", n), want.Err())
		}
		cells := make([]string, 4)
		if err := want.Scan(&cells[0], &cells[1], &cells[2], &cells[3]); err != nil {
			return err
		}
		if !slices.Equal(got, cells) {
			return fmt.Errorf("row %d is %q, in the database it is %q", n, got, cells)
		}
	}
}

// clean sweeps what killed workers left, and proves that the bucket holds what the
// manifests name and nothing else.
func (f *fleet) clean(ctx context.Context) error {
	if err := f.engine.Sweep(ctx); err != nil {
		return err
	}
	for o, err := range f.bucket.List(ctx, "") {
		if err != nil {
			return err
		}
		if !f.files[o.Key] {
			return fmt.Errorf("the bucket holds %s, which no manifest names", o.Key)
		}
	}
	return nil
}
