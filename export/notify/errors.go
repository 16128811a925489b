package notify

import (
	"errors"
	"time"
)

// ErrRefused is wrapped by a [Notifier] when the message will never be taken. The
// channel is not asked again for it.
var ErrRefused = errors.New("refused for good")

// ErrGone is wrapped, together with [ErrRefused], when the receiver says that it wants
// no messages at all any more. The host switches it off.
var ErrGone = errors.New("receiver is gone")

// A RetryError is passing trouble with advice for the next attempt.
type RetryError struct {
	// After is how long to wait at least; 0 for no advice.
	After time.Duration
	// Reached names, in the notifier's own words, the receivers that have the message
	// now. The next attempt finds them in [Message.Reached].
	Reached []string
	Err     error
}

// Error gives the cause.
func (e *RetryError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *RetryError) Unwrap() error { return e.Err }
