package sourcetest

import (
	"context"
	"errors"
	"fmt"

	"github.com/exportyard/exportyard/source"
)

// pinned runs fn with two snapshots of the source, of which it closes the first.
func (s *suite) pinned(ctx context.Context, fn func(snap, other source.Snapshot) error) error {
	if _, ok := s.src.(source.Snapshotter); !ok {
		return errors.New("the source is no Snapshotter, and the harness does not say that it lacks it")
	}
	snap, err := source.SnapshotOf(ctx, s.src, "")
	if err != nil {
		return err
	}
	other, err := source.SnapshotOf(ctx, s.src, "")
	if err != nil {
		return errors.Join(err, snap.Close())
	}
	err = fn(snap, other)
	return errors.Join(err, snap.Close(), other.Close(), other.Close())
}

func snapshot(ctx context.Context, s *suite) error {
	return s.pinned(ctx, func(snap, other source.Snapshot) error {
		if snap.Name() == "" || snap.Name() == other.Name() {
			return fmt.Errorf("two snapshots are called %q and %q", snap.Name(), other.Name())
		}
		found, err := source.SnapshotOf(ctx, s.src, snap.Name())
		if err != nil {
			return fmt.Errorf("find a snapshot by its name: %w", err)
		}
		if found.Name() != snap.Name() {
			return fmt.Errorf("the snapshot %q was found as %q", snap.Name(), found.Name())
		}
		for _, src := range []source.Snapshot{snap, found} {
			at := &suite{h: s.h, src: src, tables: s.tables}
			for name, test := range map[Feature]func(context.Context, *suite) error{
				"rows": each(Table.wholeQueries), Counter: count, Splitter: split, Spanner: span,
			} {
				if _, lacking := s.h.Lacks[name]; lacking {
					continue
				}
				if err := test(ctx, at); err != nil {
					return fmt.Errorf("on a snapshot, %s: %w", name, err)
				}
			}
		}
		return found.Close()
	})
}

func snapshotGone(ctx context.Context, s *suite) error {
	return s.pinned(ctx, func(snap, _ source.Snapshot) error {
		found, err := source.SnapshotOf(ctx, s.src, snap.Name())
		if err != nil {
			return err
		}
		if err := snap.Close(); err != nil {
			return err
		}
		if again, err := source.SnapshotOf(ctx, s.src, snap.Name()); !errors.Is(err, source.ErrSnapshotGone) {
			if err == nil {
				err = again.Close()
			}
			return fmt.Errorf("find a closed snapshot: want ErrSnapshotGone, got: %v", err)
		}
		for _, src := range []source.Snapshot{snap, found} {
			r, err := src.Open(ctx, s.things().all(tenantA))
			if err == nil {
				err = r.Close()
			}
			if !errors.Is(err, source.ErrSnapshotGone) {
				return fmt.Errorf("open on a closed snapshot: want ErrSnapshotGone, got: %v", err)
			}
		}
		return found.Close()
	})
}
