package source

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

var (
	_ Counter     = merged(nil)
	_ Splitter    = merged(nil)
	_ Spanner     = merged(nil)
	_ Snapshotter = merged(nil)
)

type merged []Source

// Merge returns one source with the datasets of all, in the order given. Two
// sources with a dataset of the same name are an error, which names it, when
// the catalog is read: catalogs may differ by tenant.
//
// A query goes to the source whose catalog has its dataset. [Counter],
// [Splitter] and [Spanner] are passed on; a source that is
// none of these gives [ErrUnsupported]. A snapshot is one of each source, all of
// which must be a [Snapshotter]; its name lists theirs, and each source's datasets
// are of one instant. Readers are the sources' own, so that a
// [CountedReader] stays one. Catalogs are read at every call: a source whose
// catalog is dear to read keeps it.
func Merge(sources ...Source) (Source, error) {
	if len(sources) == 0 {
		return nil, errors.New("source: nothing to merge")
	}
	for i, s := range sources {
		if s == nil {
			return nil, fmt.Errorf("source: source %d of those to merge is nil", i+1)
		}
	}
	return append(merged(nil), sources...), nil
}

// Datasets returns the catalogs end to end.
func (m merged) Datasets(ctx context.Context, tenant string) ([]Dataset, error) {
	var all []Dataset
	owner := make(map[string]int)
	for i, s := range m {
		datasets, err := s.Datasets(ctx, tenant)
		if err != nil {
			return nil, err
		}
		for _, d := range datasets {
			if first, taken := owner[d.Name]; taken && first != i {
				return nil, fmt.Errorf("source: sources %d and %d both have a dataset %q", first+1, i+1, d.Name)
			}
			owner[d.Name] = i
		}
		all = append(all, datasets...)
	}
	return all, nil
}

// owner returns the source that has the query's dataset.
func (m merged) owner(ctx context.Context, q Query) (Source, error) {
	for _, s := range m {
		datasets, err := s.Datasets(ctx, q.Tenant)
		if err != nil {
			return nil, err
		}
		if _, ok := Find(datasets, q.Dataset); ok {
			return s, nil
		}
	}
	return nil, fmt.Errorf("source: %w: %q", ErrUnknownDataset, q.Dataset)
}

// Open opens a read of the source that has the dataset.
func (m merged) Open(ctx context.Context, q Query) (Reader, error) {
	s, err := m.owner(ctx, q)
	if err != nil {
		return nil, err
	}
	return s.Open(ctx, q)
}

// Count asks the source that has the dataset.
func (m merged) Count(ctx context.Context, q Query) (int64, error) {
	s, err := m.owner(ctx, q)
	if err != nil {
		return 0, err
	}
	if c, ok := s.(Counter); ok {
		return c.Count(ctx, q)
	}
	return 0, lacks("count", q)
}

// Split asks the source that has the dataset.
func (m merged) Split(ctx context.Context, q Query, rows int64) ([]Key, error) {
	s, err := m.owner(ctx, q)
	if err != nil {
		return nil, err
	}
	if c, ok := s.(Splitter); ok {
		return c.Split(ctx, q, rows)
	}
	return nil, lacks("split", q)
}

// Span asks the source that has the dataset.
func (m merged) Span(ctx context.Context, q Query) (first, last time.Time, ok bool, err error) {
	s, err := m.owner(ctx, q)
	if err != nil {
		return first, last, false, err
	}
	if c, is := s.(Spanner); is {
		return c.Span(ctx, q)
	}
	return first, last, false, lacks("find the span of", q)
}

func lacks(verb string, q Query) error {
	return fmt.Errorf("source: to %s dataset %q: %w", verb, q.Dataset, ErrUnsupported)
}

// Snapshot takes, or finds by name, one snapshot of each source.
func (m merged) Snapshot(ctx context.Context, name string) (_ Snapshot, err error) {
	names := strings.Split(name, snapshotSeparator)
	if name == "" {
		names = make([]string, len(m))
	}
	if len(names) != len(m) {
		return nil, fmt.Errorf("source: the snapshot is not of these %d sources: %w", len(m), ErrSnapshotGone)
	}
	out := &mergedSnapshot{}
	for i, s := range m {
		snap, err := SnapshotOf(ctx, s, names[i])
		if err != nil {
			return nil, errors.Join(err, out.Close())
		}
		out.merged, out.held = append(out.merged, snap), append(out.held, snap)
		names[i] = snap.Name()
	}
	out.name = strings.Join(names, snapshotSeparator)
	return out, nil
}

// snapshotSeparator stands between the names of the sources' snapshots.
const snapshotSeparator = ", "

type mergedSnapshot struct {
	merged
	held []Snapshot
	name string
}

func (s *mergedSnapshot) Name() string { return s.name }

func (s *mergedSnapshot) Close() error {
	var errs []error
	for _, snap := range s.held {
		errs = append(errs, snap.Close())
	}
	return errors.Join(errs...)
}
