package slicesource_test

import (
	"context"
	"errors"
	"io"
	"iter"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/slicesource"
)

func isDigits(err error) bool { return errors.Is(err, source.ErrDigits) }

// requireWanted exports one row and compares each cell with the field's want tag.
func requireWanted[T any](t *testing.T, row T) {
	t.Helper()
	src, err := slicesource.New("rows", []T{row}, &slicesource.Options{Unguarded: true})
	require.NoError(t, err)
	datasets, err := src.Datasets(t.Context(), "acme")
	require.NoError(t, err)
	q := source.Query{Dataset: "rows", Columns: datasets[0].Schema.Names()}
	seen := 0
	require.NoError(t, source.Each(t.Context(), src, q, func(b *source.Batch) error {
		for i, f := range b.Schema() {
			text := string(source.AppendText(nil, b.Col(i), 0))
			if b.Col(i).Null(0) {
				text = "null"
			}
			require.Equal(t, reflect.TypeFor[T]().Field(i).Tag.Get("want"), text, f.Name)
			seen++
		}
		return nil
	}))
	require.Equal(t, reflect.TypeFor[T]().NumField(), seen)
}

type note struct {
	ID   int    `export:",key"`
	Org  string `export:",tenant"`
	Text string
}

func notes(ids ...int) []note {
	var out []note
	for _, id := range ids {
		out = append(out, note{id, "acme", "text"})
	}
	return out
}

func all() source.Query {
	return source.Query{Tenant: "acme", Dataset: "notes", Columns: []string{"id", "text"}}
}

func ids(t *testing.T, src source.Source, q source.Query) (out []int64, err error) {
	t.Helper()
	err = source.Each(t.Context(), src, q, func(b *source.Batch) error {
		out = append(out, b.Col(0).Int64s()...)
		return nil
	})
	return out, err
}

// A slice in another order is read in the order of its key, and stays as it is.
func TestSliceIsSortedByKey(t *testing.T) {
	t.Parallel()
	rows := notes(3, 1, 2)
	src, err := slicesource.New("notes", rows, nil)
	require.NoError(t, err)
	got, err := ids(t, src, all())
	require.NoError(t, err)
	require.Equal(t, []int64{1, 2, 3}, got)
	require.Equal(t, notes(3, 1, 2), rows)
}

func TestSliceKeys(t *testing.T) {
	t.Parallel()
	type row struct {
		ID  *int    `export:",key"`
		Org *string `export:",tenant"`
	}
	id, acme, globex, none := 1, "acme", "globex", ""
	tests := []struct {
		name string
		rows []row
		want string
	}{
		{"same key of two tenants", []row{{&id, &acme}, {&id, &globex}}, ""},
		{"same key of a tenant", []row{{&id, &acme}, {&id, &globex}, {&id, &acme}}, "have the same key"},
		{"empty and null tenant", []row{{&id, &none}, {&id, nil}}, ""},
		{"no key", []row{{nil, &acme}}, "null in a required field"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := slicesource.New("notes", tt.rows, nil)
			if tt.want == "" {
				require.NoError(t, err)
				return
			}
			var data *source.DataError
			require.ErrorAs(t, err, &data)
			require.ErrorContains(t, err, tt.want)
		})
	}
}

// A row of another tenant never fails this one's export, whatever is in it.
func TestD5_OtherTenantsRowsAreNotLookedAt(t *testing.T) {
	t.Parallel()
	type row struct {
		Org string `export:",tenant"`
		At  time.Time
	}
	src, err := slicesource.New("notes", []row{{"globex", time.Unix(0, 1)}, {"acme", time.Unix(1, 0)}}, nil)
	require.NoError(t, err)
	require.Equal(t, 1, drain(t, src, source.Query{Tenant: "acme", Dataset: "notes", Columns: []string{"at"}}))
}

func TestNilRow(t *testing.T) {
	t.Parallel()
	_, err := slicesource.New("notes", []*note{nil}, nil)
	require.ErrorContains(t, err, "nil pointer")
}

// A tenant, a subject or a bound that is not in the column's own form matches nothing.
func TestQueryTexts(t *testing.T) {
	t.Parallel()
	type row struct {
		Org int      `export:",tenant,key"`
		Ref [16]byte `export:",subject"`
	}
	src, err := slicesource.New("rows", []row{{7, [16]byte{0xab}}}, nil)
	require.NoError(t, err)
	count := func(q source.Query) int64 {
		q.Dataset = "rows"
		n, err := src.Count(t.Context(), q)
		require.NoError(t, err)
		return n
	}
	require.EqualValues(t, 1, count(source.Query{Tenant: "7"}))
	require.EqualValues(t, 0, count(source.Query{Tenant: "07"}))
	require.EqualValues(t, 0, count(source.Query{Tenant: "seven"}))
	require.EqualValues(t, 1, count(source.Query{Tenant: "7", Subject: "ab000000-0000-0000-0000-000000000000"}))
	require.EqualValues(t, 0, count(source.Query{Tenant: "7", Subject: "AB000000-0000-0000-0000-000000000000"}))
	for name, q := range map[string]source.Query{
		"bound":  {Tenant: "7", After: source.Key{"x"}},
		"length": {Tenant: "7", UpTo: source.Key{"1", "2"}},
		"filter": {Tenant: "7", Filters: []source.Filter{{Column: "ref", In: []string{"x"}}}},
		"column": {Tenant: "7", Filters: []source.Filter{{Column: "x"}}},
	} {
		q.Dataset = "rows"
		_, err := src.Count(t.Context(), q)
		require.Error(t, err, name)
	}
}

// Bounds between two microseconds, and beyond the years that cells have.
func TestTimeBounds(t *testing.T) {
	t.Parallel()
	type row struct {
		Org string    `export:",tenant"`
		At  time.Time `export:",time"`
	}
	type days struct {
		Org string    `export:",tenant"`
		At  time.Time `export:",time,date"`
	}
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	instants, err := slicesource.New("rows", []row{{"acme", at}}, nil)
	require.NoError(t, err)
	dates, err := slicesource.New("rows", []days{{"acme", at}}, nil)
	require.NoError(t, err)
	far := time.Date(400_000, 1, 1, 0, 0, 0, 0, time.UTC)
	tests := []struct {
		name     string
		from, to time.Time
		want     int64
	}{
		{"at", at, at.Add(1), 1},
		{"a nanosecond after", at.Add(1), time.Time{}, 0},
		{"a nanosecond before", at.Add(-1), time.Time{}, 1},
		{"to a nanosecond before", time.Time{}, at.Add(-1), 0},
		{"to far", time.Time{}, far, 1},
		{"from far", far, time.Time{}, 0},
		{"from long ago", time.Date(-400_000, 1, 1, 0, 0, 0, 0, time.UTC), far, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, src := range []*slicesource.Source{instants, dates} {
				n, err := src.Count(t.Context(), source.Query{Tenant: "acme", Dataset: "rows", From: tt.from, To: tt.to})
				require.NoError(t, err)
				require.Equal(t, tt.want, n)
			}
		})
	}
}

func notesFunc(t *testing.T, fn func(context.Context, source.Query) iter.Seq2[note, error]) *slicesource.Source {
	t.Helper()
	src, err := slicesource.NewFunc("notes", fn, nil)
	require.NoError(t, err)
	return src
}

// The sequence's error fails the read, after which nothing comes.
func TestFuncError(t *testing.T) {
	t.Parallel()
	lost := errors.New("connection lost")
	src := notesFunc(t, func(context.Context, source.Query) iter.Seq2[note, error] {
		return func(yield func(note, error) bool) {
			for _, n := range notes(1, 2) {
				if !yield(n, nil) {
					return
				}
			}
			if yield(note{}, lost) {
				panic("asked for more after an error")
			}
		}
	})
	_, err := ids(t, src, all())
	require.ErrorIs(t, err, lost)
	require.ErrorContains(t, err, `"notes"`)

	r, err := src.Open(t.Context(), all())
	require.NoError(t, err)
	b := source.NewBatch(source.Schema{{Name: "id", Kind: source.Int64}, {Name: "text", Kind: source.String}}, 1, 0)
	for range 2 {
		b.Reset()
		require.NoError(t, r.Read(t.Context(), b))
	}
	for range 2 {
		b.Reset()
		require.ErrorIs(t, r.Read(t.Context(), b), lost)
	}
	require.NoError(t, r.Close())
	b.Reset()
	require.ErrorContains(t, r.Read(t.Context(), b), "after close")
}

func TestFuncOrder(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		rows []note
		fail bool
	}{
		{"in order", notes(1, 2, 5), false},
		{"out of order", notes(1, 5, 2), true},
		{"twice", notes(1, 2, 2), true},
		{"out of order in what is not asked for", []note{{5, "globex", ""}, {1, "acme", ""}}, false},
		{"out of order beyond the bound", notes(1, 2, 9, 8), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			src := notesFunc(t, sequence(tt.rows))
			q := all()
			q.UpTo = source.Key{"5"}
			_, err := ids(t, src, q)
			var data *source.DataError
			require.Equal(t, tt.fail, errors.As(err, &data), err)
			if !tt.fail {
				require.NoError(t, err)
			}
		})
	}
}

// Leaving early, at any point, ends the sequence.
func TestFuncCloseEndsTheSequence(t *testing.T) {
	t.Parallel()
	for reads := range 3 {
		ended := make(chan struct{})
		src := notesFunc(t, func(ctx context.Context, _ source.Query) iter.Seq2[note, error] {
			return func(yield func(note, error) bool) {
				defer close(ended)
				for id := 0; yield(note{id, "acme", ""}, nil); id++ {
				}
			}
		})
		r, err := src.Open(t.Context(), all())
		require.NoError(t, err)
		b := source.NewBatch(source.Schema{{Name: "id", Kind: source.Int64}, {Name: "text", Kind: source.String}}, 4, 0)
		for range reads {
			b.Reset()
			require.NoError(t, r.Read(t.Context(), b))
			require.Equal(t, 4, b.Len())
		}
		require.NoError(t, r.Close())
		require.NoError(t, r.Close())
		if reads > 0 {
			<-ended
		}
	}
}

// A sequence that ends because it was canceled is not complete: whichever of
// the two contexts it was, and whether or not the sequence says so.
func TestFuncCanceled(t *testing.T) {
	t.Parallel()
	for name, yieldError := range map[string]bool{"silently": false, "with an error": true} {
		for _, which := range []string{"open", "read"} {
			t.Run(name+" by "+which, func(t *testing.T) {
				t.Parallel()
				contexts := map[string]context.Context{"open": t.Context(), "read": t.Context()}
				canceled, cancel := context.WithCancel(t.Context())
				defer cancel()
				contexts[which] = canceled
				src := notesFunc(t, func(ctx context.Context, _ source.Query) iter.Seq2[note, error] {
					return func(yield func(note, error) bool) {
						yield(note{1, "acme", ""}, nil)
						cancel()
						<-ctx.Done()
						if yieldError {
							yield(note{}, errors.New("interrupted"))
						}
					}
				})
				r, err := src.Open(contexts["open"], all())
				require.NoError(t, err)
				b := source.NewBatch(source.Schema{{Name: "id", Kind: source.Int64}, {Name: "text", Kind: source.String}}, 0, 0)
				require.ErrorIs(t, r.Read(contexts["read"], b), context.Canceled)
				b.Reset()
				err = r.Read(t.Context(), b)
				require.Error(t, err)
				require.NotEqual(t, io.EOF, err)
				require.NoError(t, r.Close())
			})
		}
	}
}

// A function that never gives a wanted row is still stopped.
func TestFuncCanceledAmongOthersRows(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	src := notesFunc(t, func(context.Context, source.Query) iter.Seq2[note, error] {
		return func(yield func(note, error) bool) {
			for id := 0; yield(note{id, "globex", ""}, nil); id++ {
				if id == 5000 {
					cancel()
				}
			}
		}
	})
	r, err := src.Open(ctx, all())
	require.NoError(t, err)
	b := source.NewBatch(source.Schema{{Name: "id", Kind: source.Int64}, {Name: "text", Kind: source.String}}, 0, 0)
	require.ErrorIs(t, r.Read(ctx, b), context.Canceled)
	require.NoError(t, r.Close())
}

// The function sees the query, so that it can ask for less.
func TestFuncSeesTheQuery(t *testing.T) {
	t.Parallel()
	var seen source.Query
	src := notesFunc(t, func(ctx context.Context, q source.Query) iter.Seq2[note, error] {
		seen = q
		return sequence(notes(1))(ctx, q)
	})
	q := all()
	q.After = source.Key{"0"}
	_, err := ids(t, src, q)
	require.NoError(t, err)
	require.Equal(t, q, seen)
}
