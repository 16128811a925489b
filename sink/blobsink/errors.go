package blobsink

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"strings"

	"gocloud.dev/gcerrors"

	"github.com/exportyard/exportyard/sink"
)

// wrap puts err in words and adds the contract's own for its cause.
func wrap(verb, name string, err error) error {
	if err == nil {
		return nil
	}
	err = redact(err)
	switch {
	case isFull(err):
		return fmt.Errorf("blobsink: %s %q: %w: %w", verb, name, sink.ErrFull, err)
	case gcerrors.Code(err) == gcerrors.PermissionDenied || errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("blobsink: %s %q: %w: %w", verb, name, sink.ErrDenied, err)
	}
	return fmt.Errorf("blobsink: %s %q: %w", verb, name, err)
}

// wrapMissing is wrap where a missing blob means that there is no object.
func wrapMissing(verb, key string, err error) error {
	if missing(err) {
		return fmt.Errorf("blobsink: %s %q: %w: %w", verb, key, sink.ErrNotFound, redact(err))
	}
	return wrap(verb, key, err)
}

// wrapTaken is wrap where a condition that fails means that the key is taken.
func wrapTaken(verb, key string, err error) error {
	code := gcerrors.Code(err)
	if code == gcerrors.FailedPrecondition || code == gcerrors.AlreadyExists {
		return fmt.Errorf("blobsink: %s %q: %w: %w", verb, key, sink.ErrExists, redact(err))
	}
	return wrap(verb, key, err)
}

// redact takes the query of an address out of the error's text: stores are
// asked with signatures in it.
func redact(err error) error {
	var at *url.Error
	if !errors.As(err, &at) {
		return err
	}
	address, _, signed := strings.Cut(at.URL, "?")
	if !signed {
		return err
	}
	return redacted{strings.ReplaceAll(err.Error(), at.URL, address), err}
}

type redacted struct {
	text string
	err  error
}

func (e redacted) Error() string { return e.text }
func (e redacted) Unwrap() error { return e.err }
