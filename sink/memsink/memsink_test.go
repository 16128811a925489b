package memsink_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/sink"
	"github.com/exportyard/exportyard/sink/memsink"
	"github.com/exportyard/exportyard/sink/sinktest"
)

func newSink(t *testing.T, opts *memsink.Options) *memsink.Sink {
	t.Helper()
	s, err := memsink.New(opts)
	require.NoError(t, err)
	return s
}

func put(t *testing.T, s *memsink.Sink, key, data string) {
	t.Helper()
	w, err := s.Create(t.Context(), key, nil)
	require.NoError(t, err)
	_, err = w.Write([]byte(data))
	require.NoError(t, err)
	require.NoError(t, w.Commit())
}

func TestConformance(t *testing.T) {
	t.Parallel()
	sinktest.Run(t, func(t *testing.T) sinktest.Harness {
		s := newSink(t, nil)
		return sinktest.Harness{
			Sink:      s,
			Leftovers: func(context.Context) (int, error) { return s.Unfinished(), nil },
		}
	})
}

func TestShowsWhatItHolds(t *testing.T) {
	t.Parallel()
	at := time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)
	s := newSink(t, &memsink.Options{Now: func() time.Time { return at }})
	opts := sink.CreateOptions{ContentType: "text/csv", Filename: "x.csv", SizeHint: 9}
	w, err := s.Create(t.Context(), "b", &opts)
	require.NoError(t, err)
	require.Equal(t, 1, s.Unfinished())
	require.NoError(t, w.Commit())
	put(t, s, "a", "one")

	require.Equal(t, 0, s.Unfinished())
	require.Equal(t, []string{"a", "b"}, s.Keys())
	got, ok := s.CreateOptions("b")
	require.True(t, ok)
	require.Empty(t, cmp.Diff(opts, got))

	data, ok := s.Bytes("a")
	require.True(t, ok)
	require.Equal(t, "one", string(data))
	data[0] = 'X' // a copy
	data, _ = s.Bytes("a")
	require.Equal(t, "one", string(data))

	r, err := s.Open(t.Context(), "a", 0, -1)
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(sink.Object{Key: "a", Size: 3, ModTime: at}, r.Object()))

	_, ok = s.Bytes("c")
	require.False(t, ok)
	_, ok = s.CreateOptions("c")
	require.False(t, ok)
}

func TestPutDamages(t *testing.T) {
	t.Parallel()
	s := newSink(t, nil)
	put(t, s, "a", "sound")
	r, err := s.Open(t.Context(), "a", 0, -1)
	require.NoError(t, err)
	before := r.Object()
	s.Put("a", []byte("bad"))
	r, err = s.Open(t.Context(), "a", 0, -1)
	require.NoError(t, err)
	require.Equal(t, int64(3), r.Object().Size)
	require.Equal(t, before.ModTime, r.Object().ModTime)
}

func TestLimit(t *testing.T) {
	t.Parallel()
	s := newSink(t, &memsink.Options{Limit: 10})
	put(t, s, "a", "12345678")

	w, err := s.Create(t.Context(), "b", nil)
	require.NoError(t, err)
	_, err = w.Write([]byte("90"))
	require.NoError(t, err)
	_, err = w.Write([]byte("1"))
	require.ErrorIs(t, err, sink.ErrFull)
	_, err = w.Write(nil)
	require.ErrorIs(t, err, sink.ErrFull, "a writer that has lost bytes takes no more")
	require.ErrorIs(t, w.Commit(), sink.ErrFull)
	require.Equal(t, []string{"a"}, s.Keys())

	// What the writer held is free again, and so is what a Delete frees.
	put(t, s, "c", "90")
	require.NoError(t, s.Delete(t.Context(), "a"))
	put(t, s, "d", "12345678")

	_, err = memsink.New(&memsink.Options{Limit: -1})
	require.Error(t, err)
}

func TestCanceled(t *testing.T) {
	t.Parallel()
	s := newSink(t, nil)
	put(t, s, "a", "one")
	ctx, cancel := context.WithCancel(t.Context())
	r, err := s.Open(ctx, "a", 0, -1)
	require.NoError(t, err)
	cancel()
	_, err = r.Read(make([]byte, 1))
	require.ErrorIs(t, err, context.Canceled)
	_, err = s.Create(ctx, "b", nil)
	require.ErrorIs(t, err, context.Canceled)
	_, err = s.Open(ctx, "a", 0, -1)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, s.Delete(ctx, "a"), context.Canceled)
	require.Equal(t, []string{"a"}, s.Keys())
}

func Example() {
	ctx := context.Background()
	s, err := memsink.New(nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	w, err := s.Create(ctx, "acme/orders.csv", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = w.Abort() }()
	fmt.Fprint(w, "id,total\n1,9.99\n")
	fmt.Println("before:", s.Keys())
	if err := w.Commit(); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("after:", s.Keys())
	// Output:
	// before: []
	// after: [acme/orders.csv]
}
