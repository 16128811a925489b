package source

import (
	"context"
	"fmt"
	"io"
)

// A Snapshotter can pin its data to one instant, so that many reads see the same.
type Snapshotter interface {
	// Snapshot returns the source as it is at one instant: the present one when
	// name is empty, else the one of the snapshot of that name, which this
	// process or another one holds. An error wraps [ErrSnapshotGone] when nobody
	// holds it any more, [ErrSnapshotLimit] when no more can be held now, and
	// [ErrUnsupported] when there are none. ctx bounds the call alone.
	Snapshot(ctx context.Context, name string) (Snapshot, error)
}

// A Snapshot is a source as it was at one instant. It can do whatever its
// source can, and gives the same rows to every reader, here and in all
// processes, until whoever made it closes it or ends. An open that comes later
// wraps [ErrSnapshotGone].
type Snapshot interface {
	Source
	// Name tells the snapshot apart from all others of its source.
	Name() string
	// Close lets go of the snapshot. It may be called more than once.
	io.Closer
}

// SnapshotOf asks the source for a snapshot, as [Snapshotter] says; it is
// [ErrUnsupported] where the source is none.
func SnapshotOf(ctx context.Context, src Source, name string) (Snapshot, error) {
	if s, ok := src.(Snapshotter); ok {
		return s.Snapshot(ctx, name)
	}
	return nil, fmt.Errorf("source: a snapshot: %w", ErrUnsupported)
}
