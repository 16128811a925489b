package sink

import (
	"context"
	"io"
	"iter"
	"time"
)

// A Sink is where files land: a bucket, a folder. It is safe for concurrent use.
type Sink interface {
	// Create starts an object. Nothing is visible under key before Commit, and
	// ctx bounds the writer's whole life: when it is canceled, Write and
	// Commit fail. The engine gives keys that pass [ValidKey] and never one
	// that it has committed before; a sink that finds the key taken refuses
	// with [ErrExists], at Create or at Commit.
	Create(ctx context.Context, key string, opts *CreateOptions) (Writer, error)

	// Open reads an object from byte offset on, length bytes of it, to its end
	// when length is negative. It returns an error that wraps [ErrNotFound]
	// when there is no such object. An offset at or behind the end gives no
	// bytes, one below zero an error.
	Open(ctx context.Context, key string, offset, length int64) (Reader, error)

	// List gives the objects whose keys begin with prefix, in ascending order
	// of their keys. Every object that was committed before List was called
	// is in it. After an error the sequence ends.
	List(ctx context.Context, prefix string) iter.Seq2[Object, error]

	// Delete removes an object. Removing one that is not there is no error.
	Delete(ctx context.Context, key string) error
}

// A Writer takes the bytes of one object. It is used by one goroutine.
// `defer w.Abort()` right after Create is always correct.
type Writer interface {
	// Write takes all of p or fails. It keeps no reference to p.
	io.Writer

	// Commit makes the object visible, whole and durable, or returns an error
	// and leaves nothing behind. An error can also come after the store has
	// taken the object (the answer was lost): whoever needs to know reads it
	// back. After Commit the writer takes nothing more.
	Commit() error

	// Abort throws the object away, with all the store keeps of it. It does
	// its work even when the writer's context is canceled already. After
	// Commit, and a second time, it does nothing and returns nil.
	Abort() error
}

// A Reader reads an object, or a range of it.
type Reader interface {
	io.ReadCloser
	// Object describes the whole object, whatever range is read.
	Object() Object
}

// An Object is what a sink knows of a stored object.
type Object struct {
	Key string
	// Size in bytes.
	Size int64
	// ModTime is when it was committed, by the store's clock.
	ModTime time.Time
}

// CreateOptions describe an object to be made. nil means the zero value.
type CreateOptions struct {
	// ContentType is the media type. Default: application/octet-stream.
	ContentType string
	// Filename is the name under which a person saves the object; empty for none.
	Filename string
	// SizeHint is about how many bytes will come, 0 when unknown: a sink that
	// uploads in parts chooses their size by it.
	SizeHint int64
}

// A Cleaner removes what unfinished writers left behind: temporary files,
// multipart uploads that nobody will complete.
type Cleaner interface {
	// Clean removes the leftovers of writers under prefix that were last
	// touched before the given time, and returns how many. It never touches a
	// committed object.
	Clean(ctx context.Context, prefix string, before time.Time) (int, error)
}

// Clean calls the sink's [Cleaner] where it has one.
func Clean(ctx context.Context, s Sink, prefix string, before time.Time) (int, error) {
	if c, ok := s.(Cleaner); ok {
		return c.Clean(ctx, prefix, before)
	}
	return 0, nil
}
