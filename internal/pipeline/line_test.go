package pipeline_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/format/csvfmt"
	"github.com/exportyard/exportyard/format/jsonfmt"
	"github.com/exportyard/exportyard/format/parquetfmt"
	"github.com/exportyard/exportyard/internal/pipeline"
	"github.com/exportyard/exportyard/source"
)

var rawSchema = source.Schema{{Name: "n", Kind: source.Int64}, {Name: "text", Kind: source.String}}

// A numbers reader gives the numbers from 0 and a text for each.
type numbers struct {
	rows, next int
	fail       func(row int) error // asked before each row
}

func (n *numbers) more(full bool) (bool, error) {
	if full || n.next == n.rows {
		return false, nil
	}
	if n.fail != nil {
		if err := n.fail(n.next); err != nil {
			return false, err
		}
	}
	n.next++
	return true, nil
}

// filler makes rows long, so that a few thousand are several units.
var filler = strings.Repeat("filler, ", 50)

func textOf(n int) string { return strconv.Itoa(n*n) + filler }

func (n *numbers) Read(ctx context.Context, b *source.Batch) error {
	for {
		more, err := n.more(b.Full())
		switch {
		case err != nil:
			return err
		case !more && b.Len() == 0:
			return io.EOF
		case !more:
			return ctx.Err()
		}
		b.Col(0).AppendInt64(int64(n.next - 1))
		if err := b.Col(1).AppendString(textOf(n.next - 1)); err != nil {
			return err
		}
		b.EndRow()
	}
}

func (n *numbers) Close() error { return nil }

// A rawNumbers reader gives the same rows raw.
type rawNumbers struct {
	numbers
	decode func(row int) error // asked before each row is decoded
	drop   bool                // the last row of a batch when decoding
}

func (n *rawNumbers) ReadRaw(ctx context.Context, raw *source.RawBatch) error {
	for {
		more, err := n.more(raw.Full())
		switch {
		case err != nil:
			return err
		case !more && raw.Len() == 0:
			return io.EOF
		case !more:
			return ctx.Err()
		}
		raw.Data = append(binary.BigEndian.AppendUint64(raw.Data, uint64(n.next-1)), filler...)
		raw.EndRow()
	}
}

func (n *rawNumbers) Decode(raw *source.RawBatch, b *source.Batch) error {
	rows := raw.Len()
	if n.drop {
		rows--
	}
	for i := range rows {
		x := int(binary.BigEndian.Uint64(raw.Data[(8+len(filler))*i:]))
		if n.decode != nil {
			if err := n.decode(x); err != nil {
				return err
			}
		}
		b.Col(0).AppendInt64(int64(x))
		if err := b.Col(1).AppendString(textOf(x)); err != nil {
			return err
		}
		b.EndRow()
	}
	return nil
}

func rawSpec(f format.Formatter, c format.Compression, workers int) pipeline.Spec {
	return pipeline.Spec{
		Schema: rawSchema, Columns: len(rawSchema), Check: func(*source.Batch) error { return nil },
		Format: f, Compression: c, Workers: workers,
	}
}

// Rows that are cut raw and decoded by the workers make the file that cells
// make, whatever the number of workers.
func TestRun_RawRowsMakeTheSameFile(t *testing.T) {
	t.Parallel()
	const rows = 8_000 // several units either way
	formats := map[string]format.Formatter{"csv": csvfmt.Format{}, "ndjson": jsonfmt.Lines{}, "parquet": parquetfmt.Format{}}
	for name, f := range formats {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var want bytes.Buffer
			plain, err := pipeline.Run(t.Context(), &numbers{rows: rows}, &want, rawSpec(f, format.None, 1))
			require.NoError(t, err)
			require.EqualValues(t, rows, plain.ReadRows)
			for _, workers := range []int{1, 3} {
				var got bytes.Buffer
				res, err := pipeline.Run(t.Context(), &rawNumbers{numbers: numbers{rows: rows}}, &got, rawSpec(f, format.None, workers))
				require.NoError(t, err)
				require.EqualValues(t, rows, res.ReadRows)
				require.EqualValues(t, rows, res.Rows)
				if name != "parquet" { // whose pages show where batches ended
					require.True(t, bytes.Equal(want.Bytes(), got.Bytes()), "%d workers", workers)
					require.Equal(t, plain, res)
				}
			}
		})
	}
}

// The bytes are the same for any number of workers.
func TestRun_BytesDoNotDependOnWorkers(t *testing.T) {
	t.Parallel()
	for _, c := range []format.Compression{format.None, format.Gzip, format.Zstd} {
		var want bytes.Buffer
		_, err := pipeline.Run(t.Context(), &rawNumbers{numbers: numbers{rows: 16_000}}, &want, rawSpec(csvfmt.Format{}, c, 1))
		require.NoError(t, err)
		var got bytes.Buffer
		_, err = pipeline.Run(t.Context(), &rawNumbers{numbers: numbers{rows: 16_000}}, &got, rawSpec(csvfmt.Format{}, c, 8))
		require.NoError(t, err)
		require.True(t, bytes.Equal(want.Bytes(), got.Bytes()), c)
	}
}

var errRaw = errors.New("broken")

// A failure anywhere ends the run with its own error, and nothing runs on.
func TestRun_Failures(t *testing.T) {
	t.Parallel()
	at := func(row int) func(int) error {
		return func(n int) error {
			if n == row {
				return errRaw
			}
			return nil
		}
	}
	panics := func(n int) error {
		if n == 3_000 {
			panic("no such thing")
		}
		return nil
	}
	many := numbers{rows: 10_000}
	failing := numbers{rows: 10_000, fail: at(5_000)}
	ending := numbers{rows: 10_000, fail: func(n int) error {
		if n == 5_000 {
			return fmt.Errorf("the connection: %w", io.EOF)
		}
		return nil
	}}
	readError := func(t *testing.T, err error) {
		var reading *pipeline.ReadError
		require.ErrorAs(t, err, &reading)
	}
	panicError := func(t *testing.T, err error) {
		var panicked *pipeline.PanicError
		require.ErrorAs(t, err, &panicked)
	}
	broken := func(t *testing.T, err error) { require.ErrorIs(t, err, errRaw) }
	tests := []struct {
		name   string
		reader source.Reader
		want   []func(*testing.T, error)
	}{
		{name: "read", reader: &failing, want: []func(*testing.T, error){readError, broken}},
		{name: "cut", reader: &rawNumbers{numbers: failing}, want: []func(*testing.T, error){readError, broken}},
		{name: "a wrapped end is no end", reader: &rawNumbers{numbers: ending}, want: []func(*testing.T, error){readError}},
		{name: "decode", reader: &rawNumbers{numbers: many, decode: at(7_000)}, want: []func(*testing.T, error){readError, broken}},
		{name: "rows lost in decoding", reader: &rawNumbers{numbers: many, drop: true}, want: []func(*testing.T, error){readError}},
		{name: "panic in read", reader: &numbers{rows: 10_000, fail: panics}, want: []func(*testing.T, error){panicError}},
		{name: "panic in cut", reader: &rawNumbers{numbers: numbers{rows: 10_000, fail: panics}}, want: []func(*testing.T, error){panicError}},
		{name: "panic in decode", reader: &rawNumbers{numbers: many, decode: panics}, want: []func(*testing.T, error){panicError}},
	}
	for _, tt := range tests {
		for _, f := range []format.Formatter{csvfmt.Format{}, parquetfmt.Format{}} {
			t.Run(tt.name+" "+f.Info().Name, func(t *testing.T) {
				spec := rawSpec(f, format.None, 2)
				_, err := pipeline.Run(t.Context(), again(tt.reader), io.Discard, spec)
				for _, want := range tt.want {
					want(t, err)
				}
			})
		}
	}
}

// So does a failure behind the reader.
func TestRun_FailuresBehindTheReader(t *testing.T) {
	t.Parallel()
	for _, f := range []format.Formatter{csvfmt.Format{}, parquetfmt.Format{}} {
		many := numbers{rows: 10_000}
		spec := rawSpec(f, format.None, 2)
		_, err := pipeline.Run(t.Context(), &rawNumbers{numbers: many}, &narrowWriter{left: 1000}, spec)
		var writing *pipeline.WriteError
		require.ErrorAs(t, err, &writing)
		require.ErrorIs(t, err, errRaw)
		spec.Check = func(*source.Batch) error { return errRaw }
		_, err = pipeline.Run(t.Context(), &rawNumbers{numbers: many}, io.Discard, spec)
		require.ErrorIs(t, err, errRaw)
	}
}

// again returns the reader at its first row.
func again(r source.Reader) source.Reader {
	if raw, ok := r.(*rawNumbers); ok {
		fresh := *raw
		return &fresh
	}
	fresh := *r.(*numbers)
	return &fresh
}

type narrowWriter struct{ left int }

func (w *narrowWriter) Write(p []byte) (int, error) {
	if w.left -= len(p); w.left < 0 {
		return 0, errRaw
	}
	return len(p), nil
}

// A canceled run returns the cause and has stopped.
func TestRun_Cancel(t *testing.T) {
	t.Parallel()
	for _, raw := range []bool{false, true} {
		ctx, cancel := context.WithCancelCause(t.Context())
		n := numbers{rows: 1 << 30}
		n.fail = func(row int) error {
			if row == 10_000 {
				cancel(errRaw)
			}
			return nil
		}
		var r source.Reader = &n
		if raw {
			r = &rawNumbers{numbers: n}
		}
		_, err := pipeline.Run(ctx, r, io.Discard, rawSpec(csvfmt.Format{}, format.Gzip, 2))
		require.ErrorIs(t, err, errRaw)
	}
}

// The row path does not allocate for rows, only for its units.
func TestRun_Allocations(t *testing.T) {
	const rows = 200_000
	for _, c := range []format.Compression{format.None, format.Gzip} {
		res := testing.Benchmark(func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, err := pipeline.Run(b.Context(), &rawTexts{rows: rows}, io.Discard, rawSpec(csvfmt.Format{}, c, 2))
				require.NoError(b, err)
			}
		})
		require.Less(t, float64(res.AllocsPerOp())/rows, 0.01, c)
	}
}

// A rawTexts reader gives rows without making anything of its own.
type rawTexts struct{ rows, next int }

func (r *rawTexts) Read(context.Context, *source.Batch) error { return errRaw }
func (r *rawTexts) Close() error                              { return nil }

func (r *rawTexts) ReadRaw(_ context.Context, raw *source.RawBatch) error {
	for ; r.next < r.rows && !raw.Full(); r.next++ {
		raw.Data = append(raw.Data, "a text of thirty-two characters."...)
		raw.EndRow()
	}
	if raw.Len() == 0 {
		return io.EOF
	}
	return nil
}

func (r *rawTexts) Decode(raw *source.RawBatch, b *source.Batch) error {
	for i := range raw.Len() {
		b.Col(0).AppendInt64(int64(i))
		if err := b.Col(1).AppendBytes(raw.Data[32*i : 32*i+32]); err != nil {
			return err
		}
		b.EndRow()
	}
	return nil
}
