// Package encode runs encoders alone: rows in memory become a file that nobody
// keeps, on one goroutine unless the encoder has others.
package encode

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"

	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/format/csvfmt"
	"github.com/exportyard/exportyard/format/formattest"
	"github.com/exportyard/exportyard/format/jsonfmt"
	"github.com/exportyard/exportyard/format/parquetfmt"
	"github.com/exportyard/exportyard/internal/bench/internal/usage"
	"github.com/exportyard/exportyard/source"
)

// batchRows is about as many rows as the engine has in a batch.
const batchRows = 2048

// An Encoder writes its rows to w, as one file.
type Encoder func(w io.Writer) error

// Formats are what there are encoders for.
var Formats = []string{"csv", "ndjson", "parquet"}

// Ours returns our encoder with the first n rows of the seed.
func Ours(name string, n int, seed uint64) (Encoder, error) {
	formatters := map[string]format.Formatter{"csv": csvfmt.Format{}, "ndjson": jsonfmt.Lines{}, "parquet": parquetfmt.Format{}}
	f, ok := formatters[name]
	if !ok {
		return nil, unknown(name)
	}
	batches, err := makeBatches(n, seed)
	if err != nil {
		return nil, err
	}
	return func(w io.Writer) error {
		out, err := f.NewWriter(w, formattest.UsageSchema())
		if err != nil {
			return err
		}
		for _, b := range batches {
			if err := out.Write(b); err != nil {
				return err
			}
		}
		return out.Close()
	}, nil
}

// makeBatches returns the first n rows of the seed in batches of the engine's size.
func makeBatches(n int, seed uint64) (batches []*source.Batch, err error) {
	for done := 0; done < n; done += batchRows {
		b := source.NewBatch(formattest.UsageSchema(), batchRows, 1<<30)
		if err := formattest.AppendUsage(b, seed+uint64(done), min(batchRows, n-done)); err != nil {
			return nil, err
		}
		batches = append(batches, b)
	}
	return batches, nil
}

// Naive returns what a typical program does with the rows: encoding/csv,
// encoding/json, or GenericWriter of parquet-go on a plain struct.
func Naive(name string, n int, seed uint64) (Encoder, error) {
	if name == "parquet" {
		rows, err := usage.Rows(n, seed)
		return func(w io.Writer) error { return writeParquet(w, rows) }, err
	}
	rows, err := usage.TypedRows(n, seed)
	switch name {
	case "csv":
		return func(w io.Writer) error { return writeCSV(w, rows) }, err
	case "ndjson":
		return func(w io.Writer) error { return writeJSON(w, rows) }, err
	}
	return nil, unknown(name)
}

func writeCSV(out io.Writer, rows []usage.Typed) error {
	w := csv.NewWriter(out)
	for i := range rows {
		if err := w.Write(rows[i].Record()); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}

func writeJSON(out io.Writer, rows []usage.Typed) error {
	enc := json.NewEncoder(out)
	for i := range rows {
		if err := enc.Encode(&rows[i]); err != nil {
			return err
		}
	}
	return nil
}

func writeParquet(out io.Writer, rows []usage.Row) error {
	w := parquet.NewGenericWriter[usage.Row](out, parquet.Compression(&parquet.Snappy))
	for len(rows) > 0 {
		n := min(len(rows), batchRows)
		if _, err := w.Write(rows[:n]); err != nil {
			return errors.Join(err, w.Close())
		}
		rows = rows[n:]
	}
	return w.Close()
}

func unknown(name string) error { return fmt.Errorf("no encoder is called %q", name) }

// A Counter counts what is written to it and keeps nothing.
type Counter int64

func (c *Counter) Write(p []byte) (int, error) {
	*c += Counter(len(p))
	return len(p), nil
}
