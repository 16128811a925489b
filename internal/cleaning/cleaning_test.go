package cleaning_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/export/observe"
	"github.com/exportyard/exportyard/internal/cleaning"
	"github.com/exportyard/exportyard/sink"
	"github.com/exportyard/exportyard/sink/memsink"
)

// A stubborn sink refuses to delete one key, and notes the others.
type stubborn struct {
	sink.Sink
	key     string
	deleted []string
}

var errStays = errors.New("it stays")

func (s *stubborn) Delete(ctx context.Context, key string) error {
	if key == s.key {
		return errStays
	}
	s.deleted = append(s.deleted, key)
	return s.Sink.Delete(ctx, key)
}

// R24, R29: only what is in the folders goes, the manifest first, and what is to be kept
// stays; what failed is counted as left.
func TestR29_Folders(t *testing.T) {
	t.Parallel()
	full := func() (*stubborn, *memsink.Sink) {
		s, err := memsink.New(nil)
		require.NoError(t, err)
		for _, key := range []string{"a/j1/all.1.csv", "a/j1/manifest.2.json", "a/j1/runs.1.csv", "a/j10/runs.1.csv", "b/j1/runs.1.csv"} {
			s.Put(key, []byte("four"))
		}
		return &stubborn{Sink: s}, s
	}
	s, inner := full()
	removed, left, err := cleaning.Folders(t.Context(), s, []string{"a/j1", "c/j1"}, map[string]bool{"a/j1/runs.1.csv": true}, time.Now())
	require.NoError(t, err)
	require.Equal(t, observe.Orphans{Objects: 2, Bytes: 8}, removed)
	require.Zero(t, left)
	require.Equal(t, []string{"a/j1/manifest.2.json", "a/j1/all.1.csv"}, s.deleted)
	require.Equal(t, []string{"a/j1/runs.1.csv", "a/j10/runs.1.csv", "b/j1/runs.1.csv"}, inner.Keys())

	s, _ = full()
	s.key = "a/j1/all.1.csv"
	removed, left, err = cleaning.Folders(t.Context(), s, []string{"a/j1"}, nil, time.Now())
	require.ErrorIs(t, err, errStays)
	require.Equal(t, observe.Orphans{Objects: 1, Bytes: 4}, removed)
	require.Equal(t, observe.Orphans{Objects: 2, Bytes: 8}, left)
}
