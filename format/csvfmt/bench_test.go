package csvfmt_test

import (
	"encoding/csv"
	"io"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/format/csvfmt"
	"github.com/exportyard/exportyard/format/formattest"
	"github.com/exportyard/exportyard/source"
)

func BenchmarkExact(b *testing.B) { formattest.Benchmark(b, csvfmt.Format{}) }

func BenchmarkExcel(b *testing.B) { formattest.Benchmark(b, csvfmt.Format{Profile: csvfmt.Excel}) }

// id is a UUID as a typical program has it.
type id [16]byte

func (u id) String() string { return string(source.AppendUUID(nil, u)) }

// usage is what a typical program scans a row into.
type usage struct {
	ids                                     [4]id
	name, email, title, model, status, cost string
	tokens                                  int64
	cached                                  bool
	created                                 time.Time
	finished                                *time.Time
	settings                                []byte
}

func usageRows(b *testing.B, n int) []usage {
	b.Helper()
	batch := source.NewBatch(formattest.UsageSchema(), n, 1<<30)
	require.NoError(b, formattest.AppendUsage(batch, 1, n))
	rows := make([]usage, n)
	for i := range rows {
		text := func(c int) string { return string(source.AppendText(nil, batch.Col(c), i)) }
		r := &rows[i]
		for c := range r.ids {
			r.ids[c] = batch.Col(c).UUIDs()[i]
		}
		r.name, r.email, r.title, r.model, r.status, r.cost = text(4), text(5), text(6), text(7), text(8), text(9)
		r.tokens, r.cached, r.settings = batch.Col(10).Int64s()[i], batch.Col(11).Bools()[i], []byte(text(14))
		r.created = source.Instant(source.Timestamp, batch.Col(12).Int64s()[i])
		if !batch.Col(13).Null(i) {
			finished := source.Instant(source.Timestamp, batch.Col(13).Int64s()[i])
			r.finished = &finished
		}
	}
	return rows
}

func (r *usage) record() []string {
	finished := ""
	if r.finished != nil {
		finished = r.finished.Format(time.RFC3339Nano)
	}
	return []string{
		r.ids[0].String(), r.ids[1].String(), r.ids[2].String(), r.ids[3].String(), r.name, r.email, r.title, r.model, r.status, r.cost,
		strconv.FormatInt(r.tokens, 10), strconv.FormatBool(r.cached), r.created.Format(time.RFC3339Nano), finished, string(r.settings),
	}
}

// BenchmarkEncodingCSV is the same rows through encoding/csv, the usual way.
func BenchmarkEncodingCSV(b *testing.B) {
	rows := usageRows(b, 2048)
	w := csv.NewWriter(io.Discard)
	w.UseCRLF = true
	mallocs := formattest.MallocsOf(func() {
		for b.Loop() {
			for i := range rows {
				if err := w.Write(rows[i].record()); err != nil {
					b.Fatal(err)
				}
			}
			w.Flush()
		}
	})
	formattest.ReportRows(b, len(rows)*b.N, 0, mallocs)
}
