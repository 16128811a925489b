package segment_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/export/manifest"
	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/format/csvfmt"
	"github.com/exportyard/exportyard/format/jsonfmt"
	"github.com/exportyard/exportyard/internal/pipeline"
	"github.com/exportyard/exportyard/internal/plan"
	"github.com/exportyard/exportyard/internal/segment"
	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/sink"
	"github.com/exportyard/exportyard/sink/memsink"
	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/slicesource"
)

type row struct {
	ID  int64  `export:"id,key"`
	Org string `export:"org,tenant"`
}

// A bench is a maker with its source and its sink.
type bench struct {
	*segment.Maker
	t      *testing.T
	source source.Source
	sink   *memsink.Sink
}

func newBench(t *testing.T, f format.Formatter) *bench {
	t.Helper()
	var rows []row
	for i := range 10 {
		rows = append(rows, row{ID: int64(i), Org: "acme"})
	}
	src, err := slicesource.New("rows", rows, nil)
	require.NoError(t, err)
	catalog, err := src.Datasets(t.Context(), "acme")
	require.NoError(t, err)
	s, err := memsink.New(nil)
	require.NoError(t, err)
	d := plan.Dataset{Name: "rows", Schema: catalog[0].Schema, Columns: 2, Key: catalog[0].Key, Tenant: "org"}
	return &bench{t: t, source: src, sink: s, Maker: &segment.Maker{
		Plan: &plan.Plan{Layout: plan.Files, Datasets: []plan.Dataset{d}},
		Job:  queue.Job{ID: "j1", Tenant: "acme"}, Part: queue.Part{Number: 1, Fence: 7},
		Sink: s, Keys: "{tenant}/{job}", Format: f, Codec: format.None, Workers: 2, Document: "snapshot",
		Now: time.Now, Logger: slog.New(slog.DiscardHandler),
	}}
}

// pieces writes the rows up to each of the keys, and the rest, as pieces of one file.
func (b *bench) pieces(upTo ...string) []segment.Segment {
	b.t.Helper()
	var out []segment.Segment
	part := plan.Part{Piece: true}
	for i := range len(upTo) + 1 {
		part.UpTo = nil
		if i < len(upTo) {
			part.UpTo = source.Key{upTo[i]}
		}
		r, err := b.Write(b.t.Context(), b.source, part, fmt.Sprintf("acme/j1/rows.%d.1.csv", i+2))
		require.NoError(b.t, err)
		out = append(out, segment.Segment{Part: part, Receipt: r})
		part.After = part.UpTo
	}
	return out
}

// D6: however many pieces a file is made of, empty ones too, its text is the same.
func TestD6_JoinsPieces(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		f    format.Formatter
		want string
	}{
		{"csv", csvfmt.Format{}, "id,org\r\n0,acme\r\n1,acme\r\n2,acme\r\n3,acme\r\n4,acme\r\n5,acme\r\n6,acme\r\n7,acme\r\n8,acme\r\n9,acme\r\n"},
		{"json", jsonfmt.Document{}, ""},
	} {
		for _, codec := range []format.Compression{format.None, format.Gzip} {
			t.Run(tt.name+"/"+string(codec), func(t *testing.T) {
				t.Parallel()
				want := tt.want
				for _, cuts := range [][]string{nil, {"3"}, {"0", "1", "8"}, {"-1", "4", "4", "9"}} {
					b := newBench(t, tt.f)
					b.Codec = codec
					if format.HoldsDatasets(tt.f) {
						b.Plan.Layout = plan.Document
					}
					files, err := b.Files(t.Context(), b.pieces(cuts...), false)
					require.NoError(t, err)
					require.Len(t, files, 1)
					require.EqualValues(t, 10, files[0].Rows)
					text := b.text(files[0])
					require.EqualValues(t, len(text), files[0].RawBytes)
					if want == "" {
						want = text
					}
					require.Equal(t, want, text, "%v", cuts)
				}
			})
		}
	}
}

// text reads a file without its compression.
func (b *bench) text(f manifest.File) string {
	b.t.Helper()
	data, ok := b.sink.Bytes(f.Key)
	require.True(b.t, ok)
	var r io.Reader = bytes.NewReader(data)
	if f.Compression == format.Gzip {
		var err error
		r, err = gzip.NewReader(r)
		require.NoError(b.t, err)
	}
	text, err := io.ReadAll(r)
	require.NoError(b.t, err)
	return string(text)
}

// D6: a limit rolls files, at the boundary of a segment.
func TestD6_Rolls(t *testing.T) {
	t.Parallel()
	b := newBench(t, csvfmt.Format{})
	b.FileRows = 6
	files, err := b.Files(t.Context(), b.pieces("3", "6"), false)
	require.NoError(t, err)
	require.Len(t, files, 2)
	require.Equal(t, []string{"rows-0001.csv", "rows-0002.csv"}, []string{files[0].Name, files[1].Name})
	require.Equal(t, []int64{4, 6}, []int64{files[0].Rows, files[1].Rows})
}

func TestA9_SkipsEmpty(t *testing.T) {
	t.Parallel()
	b := newBench(t, csvfmt.Format{})
	r, err := b.Write(t.Context(), b.source, plan.Part{UpTo: source.Key{"-1"}}, "acme/j1/rows.2.1.csv")
	require.NoError(t, err)
	for skip, want := range map[bool]int{false: 1, true: 0} {
		files, err := b.Files(t.Context(), []segment.Segment{{Receipt: r}}, skip)
		require.NoError(t, err)
		require.Len(t, files, want)
	}
}

// D1: a segment that changed in the store is found when its file is made.
func TestD1_DamagedSegment(t *testing.T) {
	t.Parallel()
	for _, f := range []format.Formatter{csvfmt.Format{}, jsonfmt.Document{}} {
		b := newBench(t, f)
		segments := b.pieces("3")
		key := segments[1].Key
		data, _ := b.sink.Bytes(key)
		b.sink.Put(key, []byte(strings.Replace(string(data), "acme", "acmE", 1)))
		_, err := b.Files(t.Context(), segments, false)
		var bad *manifest.Error
		require.ErrorAs(t, err, &bad)
		require.Equal(t, key, bad.Problems[0].Key)
		require.NotContains(t, b.sink.Keys(), "acme/j1/rows.1.7.csv", "nothing is visible of what is wrong")
	}
}

// D1: rows that a source counts and does not give are missed, and nothing is left.
func TestD1_CountError(t *testing.T) {
	t.Parallel()
	b := newBench(t, csvfmt.Format{})
	_, err := b.Write(t.Context(), &liar{b.source}, plan.Part{}, "acme/j1/rows.2.1.csv")
	var short *segment.CountError
	require.ErrorAs(t, err, &short)
	require.Equal(t, segment.CountError{Dataset: "rows", Counted: 11, Read: 10, Written: 10}, *short)
	require.Empty(t, b.sink.Keys())
	require.Zero(t, b.sink.Unfinished())
}

// A liar counts a row more than it gives.
type liar struct{ source.Source }

func (l *liar) Open(ctx context.Context, q source.Query) (source.Reader, error) {
	r, err := l.Source.Open(ctx, q)
	return counts{r}, err
}

type counts struct{ source.Reader }

func (counts) Count() (int64, bool) { return 11, true }

// A worker that has to stop publishes nothing.
func TestPut_Canceled(t *testing.T) {
	t.Parallel()
	b := newBench(t, csvfmt.Format{})
	o, err := b.Put(t.Context(), "acme/j1/manifest.7.json", "application/json", []byte("{}"))
	require.NoError(t, err)
	require.NoError(t, manifest.Prove(t.Context(), b.sink, o))
	ctx, cancel := context.WithCancelCause(t.Context())
	b.Sink = stopping{b.sink, cancel}
	_, err = b.Put(ctx, "acme/j1/manifest.8.json", "application/json", []byte("{}"))
	require.ErrorIs(t, err, errStop)
	require.Len(t, b.sink.Keys(), 1)
	require.Zero(t, b.sink.Unfinished())
}

var errStop = fmt.Errorf("stop")

// A stopping sink ends the work when an object is begun.
type stopping struct {
	sink.Sink
	cancel context.CancelCauseFunc
}

func (s stopping) Create(ctx context.Context, key string, opts *sink.CreateOptions) (sink.Writer, error) {
	w, err := s.Sink.Create(context.WithoutCancel(ctx), key, opts)
	s.cancel(errStop)
	return w, err
}

// Errors of the sink are told apart from those of the source.
func TestWrite_WhoseFault(t *testing.T) {
	t.Parallel()
	b := newBench(t, csvfmt.Format{})
	var reading *pipeline.ReadError
	_, err := b.Write(t.Context(), b.source, plan.Part{After: source.Key{"no number"}}, "acme/j1/rows.2.1.csv")
	require.ErrorAs(t, err, &reading)
	var writing *pipeline.WriteError
	_, err = b.Write(t.Context(), b.source, plan.Part{}, "/no key")
	require.ErrorAs(t, err, &writing)
}
