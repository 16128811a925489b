package source_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/source"
)

// A pinnable source has one dataset, and numbers its snapshots.
type pinnable struct {
	name  string
	limit int
	made  int
	held  map[string]bool
}

func (p *pinnable) Datasets(context.Context, string) ([]source.Dataset, error) {
	return []source.Dataset{{Name: p.name}}, nil
}

func (p *pinnable) Open(context.Context, source.Query) (source.Reader, error) {
	return nil, fmt.Errorf("present data of %s", p.name)
}

func (p *pinnable) Snapshot(_ context.Context, name string) (source.Snapshot, error) {
	switch {
	case name == "" && p.made >= p.limit:
		return nil, fmt.Errorf("%s: %w", p.name, source.ErrSnapshotLimit)
	case name == "":
		p.made++
		name = fmt.Sprintf("%s-%d", p.name, p.made)
		p.held[name] = true
	case !p.held[name]:
		return nil, fmt.Errorf("%s: %w", p.name, source.ErrSnapshotGone)
	}
	return &pinnedSource{p, name}, nil
}

type pinnedSource struct {
	*pinnable
	snapshot string
}

func (p *pinnedSource) Open(context.Context, source.Query) (source.Reader, error) {
	return nil, fmt.Errorf("data of %s", p.snapshot)
}
func (p *pinnedSource) Name() string { return p.snapshot }
func (p *pinnedSource) Close() error { delete(p.held, p.snapshot); return nil }

// A merged snapshot is one of each source, found by a name that lists theirs, and
// what was begun is let go when one of them fails.
func TestMerge_Snapshot(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	a := &pinnable{name: "a", limit: 9, held: make(map[string]bool)}
	b := &pinnable{name: "b", limit: 1, held: make(map[string]bool)}
	all, err := source.Merge(a, b)
	require.NoError(t, err)
	snap, err := source.SnapshotOf(ctx, all, "")
	require.NoError(t, err)
	require.Equal(t, "a-1, b-1", snap.Name())
	found, err := source.SnapshotOf(ctx, all, snap.Name())
	require.NoError(t, err)
	for _, s := range []source.Snapshot{snap, found} {
		_, err = s.Open(ctx, source.Query{Dataset: "b"})
		require.ErrorContains(t, err, "data of b-1")
	}
	_, err = source.SnapshotOf(ctx, all, "")
	require.ErrorIs(t, err, source.ErrSnapshotLimit)
	require.Len(t, a.held, 1)
	require.NoError(t, snap.Close())
	require.Empty(t, a.held)
	for _, name := range []string{"a-1, b-1", "a-1", "a-1, b-1, c-1"} {
		_, err = source.SnapshotOf(ctx, all, name)
		require.ErrorIs(t, err, source.ErrSnapshotGone)
	}
	mixed, err := source.Merge(a, struct{ source.Source }{b})
	require.NoError(t, err)
	_, err = source.SnapshotOf(ctx, mixed, "")
	require.ErrorIs(t, err, source.ErrUnsupported)
	require.Empty(t, a.held)
}
