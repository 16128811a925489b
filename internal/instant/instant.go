// Package instant keeps the snapshots that the jobs of this process read: one for
// each job, made when the job is planned or found by its name, and held until the
// job ends.
package instant

import (
	"context"
	"errors"
	"sync"

	"github.com/exportyard/exportyard/source"
)

// A Job is whom a snapshot is held for.
type Job struct{ Tenant, ID string }

// A Keeper holds snapshots of one source. It is safe for concurrent use.
type Keeper struct {
	source  source.Source
	require bool

	mu   sync.Mutex
	held map[Job]source.Snapshot
}

// New returns a keeper of snapshots of a source. With require, a source that
// gives none is an error; without, its present data are read.
func New(src source.Source, require bool) *Keeper {
	return &Keeper{source: src, require: require, held: make(map[Job]source.Snapshot)}
}

// Take makes a snapshot for a job, in place of one that it had, and returns what
// to read and its name. Without a snapshot that is the source, and no name.
func (k *Keeper) Take(ctx context.Context, job Job) (source.Source, string, error) {
	k.Drop(job)
	snap, err := source.SnapshotOf(ctx, k.source, "")
	switch {
	case err == nil:
		k.keep(job, snap)
		return snap, snap.Name(), nil
	case !k.require && (errors.Is(err, source.ErrUnsupported) || errors.Is(err, source.ErrSnapshotLimit)):
		return k.source, "", nil
	}
	return nil, "", err
}

// Find returns what a part of a job reads: the snapshot of that name while it
// is held, here or elsewhere, with its name; else the source, and no name.
func (k *Keeper) Find(ctx context.Context, job Job, name string) (source.Source, string, error) {
	if name == "" {
		return k.source, "", nil
	}
	k.mu.Lock()
	snap := k.held[job]
	k.mu.Unlock()
	if snap != nil && snap.Name() == name {
		return snap, name, nil
	}
	snap, err := source.SnapshotOf(ctx, k.source, name)
	switch {
	case err == nil:
		return k.keep(job, snap), name, nil
	case errors.Is(err, source.ErrSnapshotGone), errors.Is(err, source.ErrUnsupported):
		return k.source, "", nil
	}
	return nil, "", err
}

// keep holds a snapshot for a job, unless the job holds the same one already,
// and returns the one that is held.
func (k *Keeper) keep(job Job, snap source.Snapshot) source.Snapshot {
	k.mu.Lock()
	before := k.held[job]
	if before != nil && before.Name() == snap.Name() {
		before, snap = snap, before
	}
	k.held[job] = snap
	k.mu.Unlock()
	closeSnapshot(before)
	return snap
}

// Drop lets go of a job's snapshot.
func (k *Keeper) Drop(job Job) {
	k.mu.Lock()
	snap := k.held[job]
	delete(k.held, job)
	k.mu.Unlock()
	closeSnapshot(snap)
}

// Jobs returns the jobs that hold a snapshot, with its name.
func (k *Keeper) Jobs() map[Job]string {
	k.mu.Lock()
	defer k.mu.Unlock()
	out := make(map[Job]string, len(k.held))
	for job, snap := range k.held {
		out[job] = snap.Name()
	}
	return out
}

// Close lets go of all snapshots.
func (k *Keeper) Close() {
	for job := range k.Jobs() {
		k.Drop(job)
	}
}

// closeSnapshot closes what is not needed any more: an error would change nothing.
func closeSnapshot(snap source.Snapshot) {
	if snap != nil {
		_ = snap.Close()
	}
}
