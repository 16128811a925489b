package main

import (
	"bufio"
	"compress/gzip"
	"context"
	"database/sql"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	// The driver of database/sql.
	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/parquet-go/parquet-go"

	"github.com/exportyard/exportyard/format/formattest"
	"github.com/exportyard/exportyard/internal/bench/internal/task"
	"github.com/exportyard/exportyard/internal/bench/internal/usage"
)

// export exports as a typical Go program does: database/sql, Scan into a plain
// struct, the encoder that is at hand, and compress/gzip as it comes.
func export(ctx context.Context, t task.Task) (r task.Result, err error) {
	db, err := sql.Open("pgx", t.DSN)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := db.PingContext(ctx); err != nil { // as our plan has connected before
		return r, err
	}
	path := filepath.Join(t.Folder, "naive")
	from := t.Here()
	if err := writeFile(ctx, t, db, path, &r.Rows); err != nil {
		return r, err
	}
	r.Fill(from, t.Here())
	info, err := os.Stat(path)
	if err != nil {
		return r, err
	}
	if r.Bytes = info.Size(); r.Rows != int64(t.Rows) {
		err = fmt.Errorf("the program wrote %d rows", r.Rows)
	}
	return r, err
}

func writeFile(ctx context.Context, t task.Task, db *sql.DB, path string, count *int64) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	buffered := bufio.NewWriterSize(f, 64<<10)
	var out io.Writer = buffered
	if t.Codec == "gzip" {
		zipped := gzip.NewWriter(buffered)
		defer func() { err = errors.Join(err, zipped.Close(), buffered.Flush()) }()
		out = zipped
	} else {
		defer func() { err = errors.Join(err, buffered.Flush()) }()
	}
	each := func(fn func(*usage.Row) error) error { return scan(ctx, db, t.Table, count, fn) }
	switch t.Format {
	case "csv":
		w := csv.NewWriter(out)
		if err := w.Write(formattest.UsageSchema().Names()); err != nil {
			return err
		}
		err := each(func(row *usage.Row) error { return w.Write(row.Record()) })
		w.Flush()
		return errors.Join(err, w.Error())
	case "ndjson":
		enc := json.NewEncoder(out)
		return each(func(row *usage.Row) error { return enc.Encode(row) })
	case "json":
		return writeDocument(out, each)
	case "json maps":
		return writeMaps(out, each)
	case "parquet":
		w := parquet.NewGenericWriter[usage.Row](out, parquet.Compression(&parquet.Snappy))
		rows := make([]usage.Row, 1)
		err := each(func(row *usage.Row) error {
			rows[0] = *row
			_, err := w.Write(rows)
			return err
		})
		return errors.Join(err, w.Close())
	}
	return fmt.Errorf("nobody writes %q like that", t.Format)
}

// An eachRow calls a function with each row.
type eachRow func(fn func(*usage.Row) error) error

// writeDocument holds all rows and then marshals them.
func writeDocument(out io.Writer, each eachRow) error {
	var rows []usage.Row
	if err := each(func(row *usage.Row) error { rows = append(rows, *row); return nil }); err != nil {
		return err
	}
	return marshal(out, rows)
}

// writeMaps is the same with maps, as in a program that exports tables of any kind.
func writeMaps(out io.Writer, each eachRow) error {
	var rows []map[string]any
	if err := each(func(row *usage.Row) error { rows = append(rows, row.Map()); return nil }); err != nil {
		return err
	}
	return marshal(out, rows)
}

func marshal(out io.Writer, rows any) error {
	data, err := json.Marshal(rows)
	if err != nil {
		return err
	}
	_, err = out.Write(data)
	return err
}

// scan calls fn with each row of the table.
func scan(ctx context.Context, db *sql.DB, table string, count *int64, fn func(*usage.Row) error) (err error) {
	rows, err := db.QueryContext(ctx, "select "+usage.Columns()+" from "+table)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var row usage.Row
		if err := rows.Scan(row.Fields()...); err != nil {
			return err
		}
		if err := fn(&row); err != nil {
			return err
		}
		*count++
	}
	return rows.Err()
}
