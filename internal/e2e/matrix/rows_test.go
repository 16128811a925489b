package matrix_test

import (
	"bytes"
	"context"
	"database/sql"
	"io"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/export"
	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/format/csvfmt"
	"github.com/exportyard/exportyard/internal/e2e/rowsum"
	"github.com/exportyard/exportyard/queue/memstore"
	"github.com/exportyard/exportyard/sink/memsink"
	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/slicesource"
	"github.com/exportyard/exportyard/source/sqlsource"
)

// A real database, every table cut into parts by key: the files hold exactly
// the database's rows, in every text format.
func TestR18_RealDatabaseInParts(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	db, err := sql.Open("sqlite", "file:../testdata/chinook.sqlite?mode=ro")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	datasets, err := sqlsource.Discover(ctx, db, sqlsource.SQLite, nil)
	require.NoError(t, err)
	src, err := sqlsource.New(db, sqlsource.SQLite, datasets, nil)
	require.NoError(t, err)
	for _, tt := range []struct {
		format      string
		compression format.Compression
	}{
		{"csv", format.None}, {"csv", format.Gzip}, {"ndjson", format.Zstd}, {"ndjson", format.None}, {"json", format.Gzip},
	} {
		t.Run(tt.format+tt.compression.Extension(), func(t *testing.T) {
			t.Parallel()
			bucket, err := memsink.New(nil)
			require.NoError(t, err)
			engine := newEngine(t, src, memstore.New(nil), bucket, func(c *export.Config) { c.PartRows = 500 })
			start(t, engine)
			j := wait(t, engine, request(t, engine, export.Request{Tenant: "any", All: true, Format: tt.format, Compression: tt.compression}))
			require.Equal(t, export.Completed, j.State, "%v", j.Error)
			require.Greater(t, j.Progress.Parts, 40)
			m, err := engine.Verify(context.Background(), "any", j.ID)
			require.NoError(t, err)
			require.Equal(t, int64(15607), m.Rows)
			requireSameRows(t, src, bucket, m)
		})
	}
}

// A tick is one of very many rows.
type tick struct {
	ID    int64  `export:"tick_id,key"`
	Org   string `export:"org_id,tenant"`
	Value int64  `export:"value"`
}

// manyTicks is how many rows there are, of which one is going to be wrong: at
// its number.
func manyTicks() (rows int, wrong int64) {
	switch {
	case full():
		return 10_000_000, 7_654_321
	case raceDetector:
		return 100_000, 54_321
	default:
		return 1_000_000, 654_321
	}
}

// How one row goes wrong.
const (
	dropped  = "dropped"
	repeated = "repeated"
	// swapped: another row stands in its place.
	swapped = "swapped"
)

// One row among very many is dropped, repeated or swapped. A source that counts
// has the engine itself notice what changes the count; everything else the sum of
// the rows notices.
func TestR18_OneWrongRow(t *testing.T) {
	rows, wrong := manyTicks()
	var all []tick
	for i := range rows {
		all = append(all, tick{int64(i), "acme", int64(i) * 7919 % 1000003})
	}
	good, err := slicesource.New("ticks", all, nil)
	require.NoError(t, err)
	var want map[string]rowsum.Sum
	for _, tt := range []struct {
		name   string
		source string // what happens to the row in the source
		format string // and in the format
		counts bool   // the source can count
		engine bool   // the engine notices
	}{
		{"no row is wrong and all sums are equal", "", "", true, false},
		{"a row dropped by a source that counts is noticed by the engine", dropped, "", true, true},
		{"a row repeated by a source that counts is noticed by the engine", repeated, "", true, true},
		{"a row swapped by a source that counts is noticed by the sum of the rows", swapped, "", true, false},
		{"a row dropped by a source that cannot count is noticed by the sum of the rows", dropped, "", false, false},
		{"a row repeated by a source that cannot count is noticed by the sum of the rows", repeated, "", false, false},
		{"a row dropped by the format is noticed by the sum of the rows", "", dropped, true, false},
		{"a row repeated by the format is noticed by the sum of the rows", "", repeated, true, false},
		{"a row swapped by the format is noticed by the sum of the rows", "", swapped, true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bucket, err := memsink.New(nil)
			require.NoError(t, err)
			engine := newEngine(t, &wrongSource{good, tt.source, wrong, tt.counts}, memstore.New(nil), bucket, func(c *export.Config) {
				c.PartRows, c.MaxAttempts = 100_000, 1
				c.Formats = []format.Formatter{wrongFormat{tt.format, wrong}}
			})
			defer start(t, engine)()
			j := wait(t, engine, request(t, engine, export.Request{Tenant: "acme", All: true, Format: "csv"}))
			if tt.engine {
				require.Equal(t, export.Failed, j.State)
				require.Equal(t, export.CodeVerificationFailed, j.Error.Code)
				return
			}
			require.Equal(t, export.Completed, j.State, "%v", j.Error)
			m, err := engine.Verify(context.Background(), "acme", j.ID)
			require.NoError(t, err)
			if want == nil {
				want, err = rowsum.Source(context.Background(), good, m)
				require.NoError(t, err)
			}
			got, err := rowsum.Files(context.Background(), bucket, m)
			require.NoError(t, err)
			require.Equal(t, tt.source+tt.format == "", want["ticks"] == got["ticks"])
		})
	}
}

// A wrongSource has one row that goes wrong.
type wrongSource struct {
	source.Source
	how    string
	id     int64
	counts bool
}

func (s *wrongSource) Count(ctx context.Context, q source.Query) (int64, error) {
	if !s.counts {
		return 0, source.ErrUnsupported
	}
	return source.Count(ctx, s.Source, q)
}

func (s *wrongSource) Split(ctx context.Context, q source.Query, rows int64) ([]source.Key, error) {
	return source.SplitRows(ctx, s.Source, q, rows)
}

func (s *wrongSource) Open(ctx context.Context, q source.Query) (source.Reader, error) {
	r, err := s.Source.Open(ctx, q)
	return &wrongReader{r, s}, err
}

type wrongReader struct {
	source.Reader
	*wrongSource
}

func (r *wrongReader) Read(ctx context.Context, b *source.Batch) error {
	if err := r.Reader.Read(ctx, b); err != nil || r.how == "" {
		return err
	}
	ids := b.Col(0).Int64s()
	at := int(r.id - ids[0])
	if at < 1 || at >= len(ids) {
		return nil
	}
	type row struct {
		id, value int64
		org       string
	}
	var rows []row
	for i := range b.Len() {
		rows = append(rows, row{ids[i], b.Col(2).Int64s()[i], string(b.Col(1).Bytes(i))})
	}
	switch r.how {
	case dropped:
		rows = append(rows[:at], rows[at+1:]...)
	case repeated:
		rows = append(rows[:at+1], rows[at:]...)
	case swapped:
		rows[at] = rows[at-1]
	}
	b.Reset()
	for _, row := range rows {
		b.Col(0).AppendInt64(row.id)
		if err := b.Col(1).AppendString(row.org); err != nil {
			return err
		}
		b.Col(2).AppendInt64(row.value)
		b.EndRow()
	}
	return nil
}

// A wrongFormat is CSV with one row that goes wrong.
type wrongFormat struct {
	how string
	id  int64
}

func (wrongFormat) Info() format.Info { return csvfmt.Format{}.Info() }

func (f wrongFormat) NewWriter(w io.Writer, schema source.Schema) (format.Writer, error) {
	blocks, err := f.Blocks(schema)
	return format.NewBlockWriter(w, blocks), err
}

func (f wrongFormat) Blocks(schema source.Schema) (format.Blocks, error) {
	blocks, err := csvfmt.Format{}.Blocks(schema)
	return wrongBlocks{blocks, f}, err
}

type wrongBlocks struct {
	format.Blocks
	wrongFormat
}

func (w wrongBlocks) AppendRows(dst []byte, b *source.Batch) ([]byte, error) {
	before := len(dst)
	dst, err := w.Blocks.AppendRows(dst, b)
	if err != nil || w.how == "" {
		return dst, err
	}
	line := "\r\n" + strconv.FormatInt(w.id, 10) + ","
	from := bytes.Index(dst[before:], []byte(line))
	if from < 0 {
		return dst, nil
	}
	from += before + 2
	to := from + bytes.IndexByte(dst[from:], '\n') + 1
	row, rest := bytes.Clone(dst[from:to]), bytes.Clone(dst[to:])
	switch w.how {
	case dropped:
		row = nil
	case repeated:
		row = append(row, row...)
	case swapped:
		row = bytes.Clone(dst[bytes.LastIndexByte(dst[:from-2], '\n')+1 : from])
	}
	return append(append(dst[:from], row...), rest...), nil
}
