package parquetfmt_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/format/formattest"
	"github.com/exportyard/exportyard/format/parquetfmt"
	"github.com/exportyard/exportyard/source"
)

const benchRows = 2500 // of a batch: about 1 MiB

// benchBatches returns the rows of a row group and more, so that nothing repeats
// within one that would not in a table.
func benchBatches(b *testing.B) []*source.Batch {
	b.Helper()
	batches := make([]*source.Batch, 56)
	for i := range batches {
		batches[i] = source.NewBatch(formattest.UsageSchema(), benchRows, 1<<30)
		require.NoError(b, formattest.AppendUsage(batches[i], uint64(i), benchRows))
	}
	return batches
}

func BenchmarkWrite(b *testing.B) {
	batches := benchBatches(b)
	for _, workers := range []int{1, 2} {
		for _, codec := range codecs() {
			b.Run(fmt.Sprintf("%s/%d", codecName(codec), workers), func(b *testing.B) {
				var out countingWriter
				w, err := parquetfmt.Format{Compression: codec, Workers: workers}.NewWriter(&out, formattest.UsageSchema())
				require.NoError(b, err)
				mallocs := formattest.MallocsOf(func() {
					for i := 0; b.Loop(); i++ {
						if err := w.Write(batches[i%len(batches)]); err != nil {
							b.Fatal(err)
						}
					}
				})
				require.NoError(b, w.Close())
				formattest.ReportRows(b, benchRows*b.N, int64(out), mallocs)
			})
		}
	}
}

// BenchmarkPeer is what somebody in a hurry would write: a plain struct and
// parquet-go's own writer.
func BenchmarkPeer(b *testing.B) {
	var rows [][]plainRow
	for _, batch := range benchBatches(b) {
		rows = append(rows, plainRows(batch))
	}
	var out countingWriter
	w := parquet.NewGenericWriter[plainRow](&out, parquet.Compression(&parquet.Snappy))
	mallocs := formattest.MallocsOf(func() {
		for i := 0; b.Loop(); i++ {
			if _, err := w.Write(rows[i%len(rows)]); err != nil {
				b.Fatal(err)
			}
		}
	})
	require.NoError(b, w.Close())
	formattest.ReportRows(b, benchRows*b.N, int64(out), mallocs)
}

type countingWriter int64

func (w *countingWriter) Write(p []byte) (int, error) {
	*w += countingWriter(len(p))
	return len(p), nil
}

type plainRow struct {
	RunID      string     `parquet:"run_id"`
	OrgID      string     `parquet:"org_id"`
	UserID     string     `parquet:"user_id"`
	ThreadID   string     `parquet:"thread_id"`
	UserName   string     `parquet:"user_name"`
	UserEmail  string     `parquet:"user_email"`
	Title      string     `parquet:"title"`
	Model      string     `parquet:"model"`
	Status     string     `parquet:"status"`
	CreditCost string     `parquet:"credit_cost"`
	Tokens     int64      `parquet:"tokens"`
	Cached     bool       `parquet:"cached"`
	CreatedAt  time.Time  `parquet:"created_at"`
	FinishedAt *time.Time `parquet:"finished_at"`
	Settings   string     `parquet:"settings"`
}

func plainRows(b *source.Batch) []plainRow {
	rows := make([]plainRow, b.Len())
	for i := range rows {
		r := &rows[i]
		texts := []*string{
			&r.RunID, &r.OrgID, &r.UserID, &r.ThreadID, &r.UserName, &r.UserEmail, &r.Title, &r.Model, &r.Status, &r.CreditCost,
		}
		for column, text := range texts {
			*text = string(source.AppendText(nil, b.Col(column), i))
		}
		r.Tokens, r.Cached = b.Col(10).Int64s()[i], b.Col(11).Bools()[i]
		r.CreatedAt = source.Instant(source.Timestamp, b.Col(12).Int64s()[i])
		if !b.Col(13).Null(i) {
			finished := source.Instant(source.Timestamp, b.Col(13).Int64s()[i])
			r.FinishedAt = &finished
		}
		r.Settings = string(b.Col(14).Bytes(i))
	}
	return rows
}
