package source

import (
	"errors"
	"fmt"
)

// ErrUnknownDataset is wrapped when a query names a dataset that the source
// does not have. The request is wrong; it is not retried.
var ErrUnknownDataset = errors.New("unknown dataset")

// ErrUnsupported is wrapped when a source cannot answer a query exactly. The
// engine asks in another way or refuses the request.
var ErrUnsupported = errors.New("not supported by this source")

// ErrSnapshotGone is wrapped when a snapshot is not held any more. Whoever reads
// goes on with the present data, or begins again with a new snapshot.
var ErrSnapshotGone = errors.New("the snapshot is gone")

// ErrSnapshotLimit is wrapped when a source holds as many snapshots as it may.
// Whoever asked waits until one is let go, or goes without.
var ErrSnapshotLimit = errors.New("too many snapshots are held")

// A DataError says that the data itself cannot be exported as declared. It is
// never retried: the same row would come again. It names the column and the
// rule and never holds the row's data.
type DataError struct {
	Dataset string
	Column  string
	// Rule is what the data breaks, in words: "not valid UTF-8".
	Rule string
	// Err is the cause, nil when Rule says it all.
	Err error
}

// Error names dataset, column where it is known, and rule.
func (e *DataError) Error() string {
	msg := fmt.Sprintf("dataset %q, column %q: %s", e.Dataset, e.Column, e.Rule)
	if e.Column == "" {
		msg = fmt.Sprintf("dataset %q: %s", e.Dataset, e.Rule)
	}
	if e.Err != nil {
		msg += ": " + e.Err.Error()
	}
	return msg
}

// Unwrap returns the cause.
func (e *DataError) Unwrap() error { return e.Err }
