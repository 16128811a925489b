package xlsx_test

import (
	"flag"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/xuri/excelize/v2"

	"github.com/exportyard/exportyard/format/formattest"
	"github.com/exportyard/exportyard/format/xlsxfmt"
	"github.com/exportyard/exportyard/source"
)

// The figures of PERFORMANCE are of 300,000 rows.
var benchRows = flag.Int("rows", 20_000, "rows of the workbooks that the benchmarks make")

const batchRows = 2048

// BenchmarkXLSX makes a workbook of usage data that lies in memory, by us and by
// excelize's StreamWriter as its documentation shows it.
func BenchmarkXLSX(b *testing.B) {
	batch := source.NewBatch(formattest.UsageSchema(), batchRows, 1<<30)
	require.NoError(b, formattest.AppendUsage(batch, 1, batchRows))
	b.Run("ours", func(b *testing.B) {
		mallocs := formattest.MallocsOf(func() {
			for b.Loop() {
				require.NoError(b, ours(batch, *benchRows))
			}
		})
		formattest.ReportRows(b, *benchRows*b.N, 0, mallocs)
	})
	rows := values(batch)
	b.Run("excelize", func(b *testing.B) {
		mallocs := formattest.MallocsOf(func() {
			for b.Loop() {
				require.NoError(b, streamWriter(batch.Schema().Names(), rows, *benchRows))
			}
		})
		formattest.ReportRows(b, *benchRows*b.N, 0, mallocs)
	})
}

func ours(batch *source.Batch, rows int) error {
	w, err := xlsxfmt.Format{}.NewWriter(io.Discard, batch.Schema())
	if err != nil {
		return err
	}
	for done := 0; done < rows; done += batchRows {
		if err := w.Write(batch); err != nil {
			return err
		}
	}
	return w.Close()
}

// values are rows as a typical program has them.
func values(batch *source.Batch) [][]any {
	out := make([][]any, batch.Len())
	for i := range out {
		row := make([]any, len(batch.Schema()))
		for c, field := range batch.Schema() {
			v := batch.Col(c)
			switch {
			case v.Null(i):
				row[c] = nil
			case field.Kind == source.Int64:
				row[c] = v.Int64s()[i]
			case field.Kind == source.Bool:
				row[c] = v.Bools()[i]
			case field.Kind == source.Timestamp:
				row[c] = time.UnixMicro(v.Int64s()[i]).UTC()
			case field.Kind.Base() == source.AnyDecimal:
				row[c] = float64(v.Decimal(i).Lo) / 1e4
			default:
				row[c] = string(source.AppendText(nil, v, i))
			}
		}
		out[i] = row
	}
	return out
}

func streamWriter(names []string, rows [][]any, n int) error {
	book := excelize.NewFile()
	defer func() { _ = book.Close() }()
	w, err := book.NewStreamWriter("Sheet1")
	if err != nil {
		return err
	}
	header := make([]any, len(names))
	for i, name := range names {
		header[i] = name
	}
	if err := w.SetRow("A1", header); err != nil {
		return err
	}
	for i := range n {
		at, err := excelize.CoordinatesToCellName(1, i+2)
		if err != nil {
			return err
		}
		if err := w.SetRow(at, rows[i%len(rows)]); err != nil {
			return err
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return book.Write(io.Discard)
}
