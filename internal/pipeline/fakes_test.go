package pipeline_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/internal/guard"
	"github.com/exportyard/exportyard/internal/pipeline"
	"github.com/exportyard/exportyard/source"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// schema has three columns to write and two that only the guard reads.
var schema = source.Schema{
	{Name: "id", Kind: source.Int64, Required: true},
	{Name: "prompt", Kind: source.String},
	{Name: "cost", Kind: source.Decimal(12, 4)},
	{Name: "org", Kind: source.String, Required: true},
	{Name: "created", Kind: source.Timestamp, Required: true},
}

const columns = 3

var prompts = []string{
	"summarize, please", "say \"hello\"\r\n", "", "Grüße, 你好, 👋",
}

var (
	october  = time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	november = october.AddDate(0, 1, 0)
)

// A reader makes rows, and goes wrong when it is told to.
type reader struct {
	rows int // of the whole read
	at   int
	text string // of every prompt, if not empty
	// reads counts the calls; before is called ahead of each with its number, from 1.
	reads   int
	before  func(ctx context.Context, b *source.Batch, n int) error
	reading atomic.Bool
	// closed is set when nobody may read any more.
	closed, late atomic.Bool
}

func (r *reader) Read(ctx context.Context, b *source.Batch) error {
	r.reading.Store(true)
	defer r.reading.Store(false)
	if r.closed.Load() {
		r.late.Store(true)
	}
	r.reads++
	if r.before != nil {
		if err := r.before(ctx, b, r.reads); err != nil {
			return err
		}
	}
	for ; r.at < r.rows && !b.Full(); r.at++ {
		if err := appendRow(b, r.at, r.text); err != nil {
			return err
		}
	}
	if b.Len() == 0 {
		return io.EOF
	}
	return nil
}

func (r *reader) Close() error { return nil }

// appendRow appends row i of the synthetic dataset. It does not allocate.
func appendRow(b *source.Batch, i int, text string) error {
	b.Col(0).AppendInt64(int64(i))
	if text == "" {
		text = prompts[i%len(prompts)]
	}
	if i%11 == 3 {
		b.Col(1).AppendNull()
	} else if err := b.Col(1).AppendString(text); err != nil {
		return err
	}
	b.Col(2).AppendDecimal(source.Int128{Lo: uint64(i) * 7919 % 1_000_000})
	if err := b.Col(3).AppendString("acme"); err != nil {
		return err
	}
	b.Col(4).AppendInt64(october.UnixMicro() + int64(i))
	b.EndRow()
	return nil
}

// A writer keeps what it is given, and goes wrong when it is told to.
type writer struct {
	bytes.Buffer
	writes int
	// before is called ahead of each write with its number, from 1.
	before func(n int) error
}

func (w *writer) Write(p []byte) (int, error) {
	w.writes++
	if w.before != nil {
		if err := w.before(w.writes); err != nil {
			return 0, err
		}
	}
	return w.Buffer.Write(p)
}

func guardOf(t testing.TB) *guard.Guard {
	t.Helper()
	g, err := guard.New(guard.Rule{
		Dataset: "runs", Schema: schema, TenantColumn: "org", Tenant: "acme", TimeColumn: "created", From: october, To: november,
	})
	require.NoError(t, err)
	return g
}

// specOf is a spec for the synthetic dataset.
func specOf(t testing.TB, f format.Formatter) pipeline.Spec {
	t.Helper()
	return pipeline.Spec{Dataset: "runs", Schema: schema, Columns: columns, Check: guardOf(t).Check, Format: f, Workers: 2}
}

// whole is the file that a format's own writer makes of the rows, in one batch.
func whole(t testing.TB, f format.Formatter, from, to int) []byte {
	t.Helper()
	b := source.NewBatch(schema, to+1, 1<<30)
	for i := from; i < to; i++ {
		require.NoError(t, appendRow(b, i, ""))
	}
	var file bytes.Buffer
	w, err := f.NewWriter(&file, schema[:columns])
	require.NoError(t, err)
	require.NoError(t, w.Write(b.Project(columns)))
	require.NoError(t, w.Close())
	return file.Bytes()
}

// ids is a plain format, of which the pipeline knows nothing but the writer: the first
// column, a line each, between a first and a last line.
type ids struct {
	newWriter, write, close func() error
}

func call(f func() error) error {
	if f == nil {
		return nil
	}
	return f()
}

func (f ids) Info() format.Info { return format.Info{Name: "ids", Extension: "ids"} }

func (f ids) NewWriter(w io.Writer, _ source.Schema) (format.Writer, error) {
	if err := call(f.newWriter); err != nil {
		return nil, err
	}
	_, err := io.WriteString(w, "begin\n")
	return &idWriter{f, w}, err
}

type idWriter struct {
	ids
	w io.Writer
}

func (w *idWriter) Write(b *source.Batch) error {
	if err := call(w.write); err != nil {
		return err
	}
	var lines []byte
	for _, id := range b.Col(0).Int64s() {
		lines = append(strconv.AppendInt(lines, id, 10), '\n')
	}
	if _, err := w.w.Write(lines); err != nil {
		return fmt.Errorf("ids: %w", err)
	}
	return nil
}

func (w *idWriter) Close() error {
	if err := call(w.close); err != nil {
		return err
	}
	_, err := io.WriteString(w.w, "end\n")
	return err
}

// faulty is a block format around another, which goes wrong where it is told to.
type faulty struct {
	format.BlockFormatter
	blocks, header, rows, separator, footer func() error
}

func (f faulty) Blocks(s source.Schema) (format.Blocks, error) {
	if err := call(f.blocks); err != nil {
		return nil, err
	}
	inner, err := f.BlockFormatter.Blocks(s)
	return faultyBlocks{inner, f}, err
}

type faultyBlocks struct {
	format.Blocks
	faulty faulty
}

func (b faultyBlocks) AppendHeader(dst []byte) []byte {
	_ = call(b.faulty.header)
	return b.Blocks.AppendHeader(dst)
}

func (b faultyBlocks) AppendRows(dst []byte, batch *source.Batch) ([]byte, error) {
	if err := call(b.faulty.rows); err != nil {
		return nil, err
	}
	return b.Blocks.AppendRows(dst, batch)
}

func (b faultyBlocks) AppendSeparator(dst []byte) []byte {
	_ = call(b.faulty.separator)
	return b.Blocks.AppendSeparator(dst)
}

func (b faultyBlocks) AppendFooter(dst []byte) []byte {
	_ = call(b.faulty.footer)
	return b.Blocks.AppendFooter(dst)
}
