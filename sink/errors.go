package sink

import "errors"

// ErrNotFound is wrapped when there is no object under a key. The file is
// gone; whoever promised it says so.
var ErrNotFound = errors.New("no such object")

// ErrExists is wrapped when an object is already there under the key of a new
// one. The engine's keys are unique, so it means that two programs use one prefix.
var ErrExists = errors.New("object exists already")

// ErrKey is wrapped when a key is not a [ValidKey]. Nothing was stored.
var ErrKey = errors.New("not a valid key")

// ErrDenied is wrapped when the store refuses because of who asks. A retry
// does not help until the credentials or permissions change.
var ErrDenied = errors.New("access denied")

// ErrFull is wrapped when the store has no room left. A retry helps once there is.
var ErrFull = errors.New("no space left")
