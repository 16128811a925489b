// Package cleaning removes what exports have left behind at a destination.
package cleaning

import (
	"context"
	"slices"
	"time"

	"github.com/exportyard/exportyard/export/observe"
	"github.com/exportyard/exportyard/internal/place"
	"github.com/exportyard/exportyard/sink"
)

// Folders deletes the objects in the folders of a job that has ended but those to keep,
// and what unfinished writers left of others: every writer is too late. It returns what is
// gone, and of the folder in which it failed what is left. The time is the host's.
func Folders(ctx context.Context, s sink.Sink, folders []string, keep map[string]bool, now time.Time) (removed, left observe.Orphans, err error) {
	for _, dir := range folders {
		var gone observe.Orphans
		gone, left, err = folder(ctx, s, dir+"/", keep)
		removed = removed.Plus(gone)
		if err != nil {
			return removed, left, err
		}
		if _, err := sink.Clean(ctx, s, dir+"/", now.Add(24*time.Hour)); err != nil {
			return removed, left, err
		}
	}
	return removed, left, nil
}

// folder deletes the objects of a folder but those to keep. A manifest goes before its
// files: nobody may see one that is not true.
func folder(ctx context.Context, s sink.Sink, dir string, keep map[string]bool) (removed, left observe.Orphans, err error) {
	var manifests, others []sink.Object
	for o, err := range s.List(ctx, dir) {
		switch {
		case err != nil:
			return removed, left, err
		case keep[o.Key]:
			continue
		case place.IsManifest(o.Key):
			manifests = append(manifests, o)
		default:
			others = append(others, o)
		}
		left = left.Plus(observe.Orphans{Objects: 1, Bytes: o.Size})
	}
	for _, o := range slices.Concat(manifests, others) {
		if err := s.Delete(ctx, o.Key); err != nil {
			return removed, left, err
		}
		one := observe.Orphans{Objects: 1, Bytes: o.Size}
		removed, left = removed.Plus(one), left.Minus(one)
	}
	return removed, left, nil
}
