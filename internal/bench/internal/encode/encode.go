// Package encode runs our encoders alone: rows in memory become a file that nobody
// keeps.
package encode

import (
	"fmt"
	"io"

	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/format/csvfmt"
	"github.com/exportyard/exportyard/format/formattest"
	"github.com/exportyard/exportyard/format/jsonfmt"
	"github.com/exportyard/exportyard/format/parquetfmt"
	"github.com/exportyard/exportyard/format/xlsxfmt"
	"github.com/exportyard/exportyard/internal/bench/internal/task"
	"github.com/exportyard/exportyard/source"
)

// batchRows is about as many rows as the engine has in a batch.
const batchRows = 2048

// An Encoder writes its rows to w, as one file.
type Encoder func(w io.Writer) error

// Formats are what there are encoders for.
var Formats = []string{"csv", "ndjson", "parquet", "xlsx"}

// Ours returns our encoder with the first n rows of the seed.
func Ours(name string, n int, seed uint64) (Encoder, error) {
	formatters := map[string]format.Formatter{"csv": csvfmt.Format{}, "ndjson": jsonfmt.Lines{}, "parquet": parquetfmt.Format{}, "xlsx": xlsxfmt.Format{}}
	f, ok := formatters[name]
	if !ok {
		return nil, Unknown(name)
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

// Measure writes the rows of a task several times and says what that took.
func Measure(t task.Task, write Encoder) (r task.Result, err error) {
	var out Counter
	from := t.Here()
	for range task.EncoderPasses {
		if err := write(&out); err != nil {
			return r, err
		}
	}
	r.Fill(from, t.Here())
	r.Rows, r.Bytes = int64(t.Rows)*task.EncoderPasses, int64(out)
	return r, nil
}

// Unknown is the error for a format that nobody encodes.
func Unknown(name string) error { return fmt.Errorf("no encoder is called %q", name) }

// A Counter counts what is written to it and keeps nothing.
type Counter int64

func (c *Counter) Write(p []byte) (int, error) {
	*c += Counter(len(p))
	return len(p), nil
}
