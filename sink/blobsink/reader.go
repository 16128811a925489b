package blobsink

import (
	"context"
	"errors"
	"fmt"
	"io"

	"gocloud.dev/blob"

	"github.com/exportyard/exportyard/sink"
)

// tries is how often in a row a read is begun anew that gives nothing.
const tries = 4

// errNoObject is the answer of something that is not the store.
var errNoObject = errors.New("the answer describes no object")

// openRange asks for a range of an object. An answer that does not say when the
// object was made is not the store's: an error that looks like success.
func (s *Sink) openRange(ctx context.Context, key string, offset, length int64) (*blob.Reader, error) {
	for range tries {
		r, err := s.bucket.NewRangeReader(ctx, key, offset, length, nil)
		if err != nil || !r.ModTime().IsZero() {
			return r, err
		}
		if err := r.Close(); err != nil {
			return nil, err
		}
	}
	return nil, errNoObject
}

// reader reads a range of an object. When the connection breaks it goes on where
// it was.
type reader struct {
	ctx    context.Context // bounds the reader's life
	sink   *Sink
	blob   io.ReadCloser
	object sink.Object
	at     int64 // of the next byte
	end    int64 // of the range
	vain   int   // how often it was begun anew since the last byte
}

var _ sink.Reader = (*reader)(nil)

func newReader(ctx context.Context, s *Sink, key string, b *blob.Reader, offset, length int64) *reader {
	r := &reader{ctx: ctx, sink: s, blob: b, object: sink.Object{Key: key, Size: b.Size(), ModTime: b.ModTime()}, at: offset, end: b.Size()}
	if length >= 0 && length < r.end-offset {
		r.end = offset + length
	}
	return r
}

func (r *reader) Read(p []byte) (int, error) {
	for {
		if err := r.ctx.Err(); err != nil {
			return 0, fmt.Errorf("blobsink: read %q: %w", r.object.Key, err)
		}
		n, err := r.blob.Read(p)
		r.at += int64(n)
		switch {
		case err == nil || err == io.EOF:
			return n, err
		case n > 0:
			r.vain = 0
			return n, nil // the error comes again
		}
		if lost := r.again(err); lost != nil {
			return 0, wrap("read", r.object.Key, lost)
		}
	}
}

// again opens what is left after a read has failed. It returns the cause when
// there is no use in it.
func (r *reader) again(cause error) error {
	if r.vain++; r.vain >= tries || r.at >= r.end || r.ctx.Err() != nil {
		return cause
	}
	b, err := r.sink.openRange(r.ctx, r.object.Key, r.at, r.end-r.at)
	if err != nil {
		return errors.Join(cause, err)
	}
	if b.Size() != r.object.Size || !b.ModTime().Equal(r.object.ModTime) {
		return errors.Join(cause, errors.New("the object has changed meanwhile"), b.Close())
	}
	_ = r.blob.Close() // it is broken
	r.blob = b
	return nil
}

func (r *reader) Close() error { return wrap("close", r.object.Key, r.blob.Close()) }

func (r *reader) Object() sink.Object { return r.object }
