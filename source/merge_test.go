package source_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/source"
)

// fake is a source of whatever its functions say.
type fake struct {
	names []string
	err   error // of the catalog
	open  func(source.Query) (source.Reader, error)
}

func (f *fake) Datasets(context.Context, string) ([]source.Dataset, error) {
	var out []source.Dataset
	for _, name := range f.names {
		out = append(out, source.Dataset{Name: name, Unguarded: true, Time: "at", Schema: source.Schema{
			{Name: "id", Kind: source.Int64}, {Name: "at", Kind: source.Timestamp},
		}})
	}
	return out, f.err
}

func (f *fake) Open(_ context.Context, q source.Query) (source.Reader, error) { return f.open(q) }

// able is a fake with every optional interface.
type able struct {
	fake
	count func(source.Query) (int64, error)
}

func (a *able) Count(_ context.Context, q source.Query) (int64, error) { return a.count(q) }

func (a *able) Split(_ context.Context, q source.Query, rows int64) ([]source.Key, error) {
	n, err := a.count(q)
	return make([]source.Key, n/rows), err
}

func (a *able) Span(_ context.Context, q source.Query) (first, last time.Time, ok bool, err error) {
	n, err := a.count(q)
	return time.Unix(n, 0).UTC(), time.Unix(n, 0).UTC(), err == nil, err
}

// steps is a reader that does one thing after another.
type steps struct {
	todo  []func(*source.Batch) error
	close error
}

func (s *steps) Read(_ context.Context, b *source.Batch) error {
	if len(s.todo) == 0 {
		return io.EOF
	}
	do := s.todo[0]
	s.todo = s.todo[1:]
	return do(b)
}

func (s *steps) Close() error { return s.close }

// rows appends rows with these times, a null for zero.
func rows(times ...int64) func(*source.Batch) error {
	return func(b *source.Batch) error {
		for _, at := range times {
			for i := range b.Schema() {
				if at == 0 {
					b.Col(i).AppendNull()
				} else {
					b.Col(i).AppendInt64(at)
				}
			}
			b.EndRow()
		}
		return nil
	}
}

func reading(todo ...func(*source.Batch) error) func(source.Query) (source.Reader, error) {
	return func(source.Query) (source.Reader, error) {
		r := &steps{todo: append([]func(*source.Batch) error(nil), todo...)}
		return r, nil
	}
}

func TestMergeRoutes(t *testing.T) {
	t.Parallel()
	counted := errors.New("counted elsewhere")
	plain := &fake{names: []string{"a", "b"}, open: reading(rows(1, 2))}
	rich := &able{fake: fake{names: []string{"c"}, open: reading(rows(3))}, count: func(q source.Query) (int64, error) {
		if q.Subject != "" {
			return 0, counted
		}
		return 7, nil
	}}
	all, err := source.Merge(plain, rich)
	require.NoError(t, err)
	datasets, err := all.Datasets(t.Context(), "acme")
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b", "c"}, []string{datasets[0].Name, datasets[1].Name, datasets[2].Name})

	c, b := source.Query{Dataset: "c", Columns: []string{"id"}}, source.Query{Dataset: "b", Columns: []string{"id"}}
	n, err := all.(source.Counter).Count(t.Context(), c)
	require.NoError(t, err)
	require.EqualValues(t, 7, n)
	keys, err := all.(source.Splitter).Split(t.Context(), c, 2)
	require.NoError(t, err)
	require.Len(t, keys, 3)
	first, _, ok, err := all.(source.Spanner).Span(t.Context(), c)
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, time.Unix(7, 0).UTC(), first)
	_, err = all.(source.Counter).Count(t.Context(), source.Query{Dataset: "c", Subject: "x"})
	require.ErrorIs(t, err, counted)

	_, err = all.(source.Counter).Count(t.Context(), b)
	require.ErrorIs(t, err, source.ErrUnsupported)
	_, err = all.(source.Splitter).Split(t.Context(), b, 2)
	require.ErrorIs(t, err, source.ErrUnsupported)
	_, _, _, err = all.(source.Spanner).Span(t.Context(), b)
	require.ErrorIs(t, err, source.ErrUnsupported)
	n, err = source.Count(t.Context(), all, b)
	require.NoError(t, err)
	require.EqualValues(t, 2, n, "a source that cannot count is read")

	r, err := all.Open(t.Context(), b)
	require.NoError(t, err)
	require.IsType(t, &steps{}, r, "the reader is the source's own")
}

func TestMergeUnknownDataset(t *testing.T) {
	t.Parallel()
	all, err := source.Merge(&fake{names: []string{"a"}})
	require.NoError(t, err)
	q := source.Query{Dataset: "x"}
	_, err = all.Open(t.Context(), q)
	require.ErrorIs(t, err, source.ErrUnknownDataset)
	_, err = all.(source.Counter).Count(t.Context(), q)
	require.ErrorIs(t, err, source.ErrUnknownDataset)
	_, err = all.(source.Splitter).Split(t.Context(), q, 1)
	require.ErrorIs(t, err, source.ErrUnknownDataset)
	_, _, _, err = all.(source.Spanner).Span(t.Context(), q)
	require.ErrorIs(t, err, source.ErrUnknownDataset)
}

func TestMergeRefuses(t *testing.T) {
	t.Parallel()
	_, err := source.Merge()
	require.ErrorContains(t, err, "nothing to merge")
	_, err = source.Merge(&fake{}, nil)
	require.ErrorContains(t, err, "source 2")

	clash, err := source.Merge(&fake{names: []string{"a"}}, &fake{names: []string{"b"}}, &fake{names: []string{"c", "a"}})
	require.NoError(t, err)
	_, err = clash.Datasets(t.Context(), "acme")
	require.ErrorContains(t, err, `sources 1 and 3 both have a dataset "a"`)

	lost := errors.New("no connection")
	broken, err := source.Merge(&fake{err: lost}, &fake{names: []string{"b"}})
	require.NoError(t, err)
	_, err = broken.Datasets(t.Context(), "acme")
	require.ErrorIs(t, err, lost)
	_, err = broken.Open(t.Context(), source.Query{Dataset: "b"})
	require.ErrorIs(t, err, lost, "a catalog that cannot be read hides nothing")
}

func TestEach(t *testing.T) {
	t.Parallel()
	lost, unwanted := errors.New("connection lost"), errors.New("enough")
	q := source.Query{Dataset: "a", Columns: []string{"id"}, Guard: []string{"at"}}
	failing := func(error) func(*source.Batch) error { return func(*source.Batch) error { return lost } }
	tests := []struct {
		name string
		src  *fake
		q    source.Query
		fn   error
		rows int
		want error
	}{
		{"to the end", &fake{names: []string{"a"}, open: reading(rows(1, 2), rows(3))}, q, nil, 3, nil},
		{"read fails", &fake{names: []string{"a"}, open: reading(rows(1), failing(lost))}, q, nil, 1, lost},
		{"a wrapped end is a failure", &fake{names: []string{"a"}, open: reading(rows(1), func(*source.Batch) error {
			return errors.Join(lost, io.EOF)
		})}, q, nil, 1, lost},
		{"fn fails", &fake{names: []string{"a"}, open: reading(rows(1), rows(2))}, q, unwanted, 1, unwanted},
		{"open fails", &fake{names: []string{"a"}, open: func(source.Query) (source.Reader, error) { return nil, lost }}, q, nil, 0, lost},
		{"close fails", &fake{names: []string{"a"}, open: func(source.Query) (source.Reader, error) { return &steps{close: lost}, nil }}, q, nil, 0, lost},
		{"catalog fails", &fake{err: lost}, q, nil, 0, lost},
		{"no such dataset", &fake{names: []string{"b"}}, q, nil, 0, source.ErrUnknownDataset},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := 0
			err := source.Each(t.Context(), tt.src, tt.q, func(b *source.Batch) error {
				require.Equal(t, []string{"id", "at"}, b.Schema().Names())
				got += b.Len()
				return tt.fn
			})
			require.Equal(t, tt.rows, got)
			require.ErrorIs(t, err, tt.want)
		})
	}
	require.ErrorContains(t, source.Each(t.Context(), &fake{names: []string{"a"}}, source.Query{Dataset: "a", Columns: []string{"x"}}, nil), `"x"`)
}

// What a source cannot say is found by reading.
func TestAskFallsBack(t *testing.T) {
	t.Parallel()
	q := source.Query{Dataset: "a", Columns: []string{"id"}}
	unable := &able{fake: fake{names: []string{"a"}, open: reading(rows(3e6, 0), rows(1e6))}, count: func(source.Query) (int64, error) {
		return 0, source.ErrUnsupported
	}}
	for name, src := range map[string]source.Source{"plain": &unable.fake, "unable": unable} {
		n, err := source.Count(t.Context(), src, q)
		require.NoError(t, err, name)
		require.EqualValues(t, 3, n)
		keys, err := source.SplitRows(t.Context(), src, q, 1)
		require.NoError(t, err)
		require.Empty(t, keys)
		datasets, err := src.Datasets(t.Context(), "")
		require.NoError(t, err)
		first, last, ok, err := source.TimeSpan(t.Context(), src, datasets[0], q)
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, []int64{1, 3}, []int64{first.Unix(), last.Unix()})
		_, _, ok, err = source.TimeSpan(t.Context(), src, source.Dataset{Name: "a"}, q)
		require.NoError(t, err)
		require.False(t, ok, "a dataset without a time has no span")
		_, known, err := source.TryCount(t.Context(), src, q)
		require.NoError(t, err)
		require.False(t, known)
	}
}

// What a source says is taken, its failures too.
func TestAskPassesOn(t *testing.T) {
	t.Parallel()
	lost := errors.New("connection lost")
	q := source.Query{Dataset: "a", Columns: []string{"id"}}
	d := source.Dataset{Name: "a", Time: "at"}
	for name, want := range map[string]error{"answer": nil, "failure": lost} {
		src := &able{count: func(source.Query) (int64, error) { return 5, want }}
		n, err := source.Count(t.Context(), src, q)
		require.ErrorIs(t, err, want, name)
		require.EqualValues(t, 5, n)
		_, known, err := source.TryCount(t.Context(), src, q)
		require.ErrorIs(t, err, want)
		require.Equal(t, want == nil, known)
		keys, err := source.SplitRows(t.Context(), src, q, 2)
		require.ErrorIs(t, err, want)
		require.Len(t, keys, 2)
		_, _, _, err = source.TimeSpan(t.Context(), src, d, q)
		require.ErrorIs(t, err, want)
	}
}

func TestDataError(t *testing.T) {
	t.Parallel()
	err := &source.DataError{Dataset: "runs", Column: "cost", Rule: "not a decimal(12,4)", Err: source.ErrDigits}
	require.ErrorIs(t, err, source.ErrDigits)
	require.EqualError(t, err, `dataset "runs", column "cost": not a decimal(12,4): more digits than the kind holds`)
	err.Err = nil
	require.EqualError(t, err, `dataset "runs", column "cost": not a decimal(12,4)`)
	err.Column = ""
	require.EqualError(t, err, `dataset "runs": not a decimal(12,4)`)
}
