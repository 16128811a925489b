package blobsink

import (
	"context"
	"errors"
	"fmt"
	"mime"

	"gocloud.dev/blob"

	"github.com/exportyard/exportyard/sink"
)

// Create starts an object, see [sink.Sink].
func (s *Sink) Create(ctx context.Context, key string, opts *sink.CreateOptions) (sink.Writer, error) {
	if err := s.check(ctx, "create", key); err != nil {
		return nil, err
	}
	var o sink.CreateOptions
	if opts != nil {
		o = *opts
	}
	w := &writer{ctx: ctx, sink: s, key: key, partSize: s.partSize(o.SizeHint)}
	if err := s.affords(w.partSize); err != nil {
		return nil, fmt.Errorf("blobsink: create %q: %w", key, err)
	}
	bounded, cancel := context.WithCancel(ctx)
	b, err := s.bucket.NewWriter(bounded, key, s.writerOptions(&o, w.partSize))
	if err != nil {
		cancel()
		if isNoFolder(err) { // an object is where a folder would have to be
			err = errors.Join(sink.ErrExists, err)
		}
		return nil, wrap("create", key, err)
	}
	w.blob, w.cancel = b, cancel
	return w, nil
}

// partSize returns the least size of a part, in whole MiB, with which a file of
// about hint bytes has no more parts than it may, even if it is half as large
// again.
func (s *Sink) partSize(hint int64) int {
	const mib, largest = 1 << 20, 1 << 30 // of which 9,000 are more than any store takes
	if hint <= 0 {
		return s.opts.PartSize
	}
	least := hint/int64(s.opts.MaxParts) + 1
	least = (least + least/2 + mib - 1) / mib * mib
	return max(s.opts.PartSize, int(min(least, largest)))
}

func (s *Sink) writerOptions(o *sink.CreateOptions, partSize int) *blob.WriterOptions {
	w := &blob.WriterOptions{
		BufferSize:     partSize,
		MaxConcurrency: s.opts.Concurrency,
		ContentType:    o.ContentType,
		IfNotExist:     !s.opts.Unconditional,
	}
	if w.ContentType == "" {
		w.ContentType = "application/octet-stream"
	}
	if o.Filename != "" {
		w.ContentDisposition = mime.FormatMediaType("attachment", map[string]string{"filename": o.Filename})
	}
	return w
}

// writer hands an object's bytes to the driver, whose writer publishes when it
// is closed unless its context was canceled before.
type writer struct {
	ctx      context.Context // bounds the writer's life
	cancel   context.CancelFunc
	sink     *Sink
	key      string
	blob     *blob.Writer
	partSize int
	written  int64
	memory   int64 // taken from the budget
	err      error // why nothing can be committed anymore
	done     bool
}

var _ sink.Writer = (*writer)(nil)

func (w *writer) Write(p []byte) (int, error) {
	if err := w.ready("write"); err != nil {
		return 0, err
	}
	if most := int64(w.partSize) * int64(w.sink.opts.MaxParts); w.written+int64(len(p)) > most {
		w.err = fmt.Errorf("blobsink: write %q: the file outgrows %d parts of %d bytes: give a larger size hint or set a larger part size",
			w.key, w.sink.opts.MaxParts, w.partSize)
		return 0, w.err
	}
	if err := w.reserve(len(p)); err != nil {
		return 0, err
	}
	n, err := w.blob.Write(p)
	w.written += int64(n)
	w.err = wrapTaken("write", w.key, err)
	return n, w.err
}

// reserve takes memory for the upload before it is large.
func (w *writer) reserve(more int) error {
	b := w.sink.opts.Budget
	if b == nil || w.memory > 0 || w.written+int64(more) <= uncounted {
		return nil
	}
	need := w.sink.memory(w.partSize)
	if err := b.take(w.ctx, need); err != nil {
		w.err = fmt.Errorf("blobsink: write %q: waiting for memory: %w", w.key, err)
		return w.err
	}
	w.memory = need
	return nil
}

// release gives the memory back: the driver's writer is closed.
func (w *writer) release() {
	if w.memory > 0 {
		w.sink.opts.Budget.give(w.memory)
		w.memory = 0
	}
}

func (w *writer) Commit() error {
	if err := w.ready("commit"); err != nil {
		return errors.Join(err, w.Abort())
	}
	defer w.sink.keys.lock(w.key)()
	// Some stores and drivers pass over the condition, the more so at the end
	// of an upload in parts.
	taken, err := w.sink.bucket.Exists(w.ctx, w.key)
	if err == nil && taken {
		err = sink.ErrExists
	}
	if err != nil {
		return errors.Join(wrap("commit", w.key, err), w.Abort())
	}
	w.done = true
	err = w.blob.Close()
	w.cancel()
	w.release()
	if err != nil {
		return errors.Join(wrapTaken("commit", w.key, err), w.abandon())
	}
	return w.arrived()
}

// arrived asks the store what it has. What stands between may have answered in
// its place, and S3's own answer can be an error that looks like success.
func (w *writer) arrived() error {
	attrs, err := w.sink.bucket.Attributes(w.ctx, w.key)
	switch {
	case missing(err):
		return fmt.Errorf("blobsink: commit %q: the store says that it took the object and does not have it", w.key)
	case err != nil:
		return wrap("commit", w.key, err)
	case attrs.Size != w.written:
		return fmt.Errorf("blobsink: commit %q: the store has %d of %d bytes", w.key, attrs.Size, w.written)
	}
	return nil
}

// Abort cancels the upload before it closes the driver's writer, and looks
// after both, see [sink.Writer].
func (w *writer) Abort() error {
	if w.done {
		return nil
	}
	w.done = true
	w.cancel()
	published := w.blob.Close() == nil
	w.release()
	if published {
		// In spite of it.
		ctx, stop := w.afterwards()
		defer stop()
		if err := w.sink.bucket.Delete(ctx, w.key); err != nil && !missing(err) {
			return wrap("abort", w.key, err)
		}
	}
	return w.abandon()
}

// abandon throws away what the store keeps of the upload. A file that was
// smaller than the least part was never in an upload of several.
func (w *writer) abandon() error {
	uploads := w.sink.opts.Uploads
	if uploads == nil || w.written < minPart {
		return nil
	}
	ctx, stop := w.afterwards()
	defer stop()
	for u, err := range uploads.List(ctx, w.key) {
		if err == nil && u.Key == w.key {
			err = uploads.Abandon(ctx, u)
		}
		if err != nil {
			return wrap("abort", w.key, err)
		}
	}
	return nil
}

// afterwards returns a context for the work that is left when the writer's may
// be canceled.
func (w *writer) afterwards() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(w.ctx), w.sink.opts.AbortTimeout)
}

func (w *writer) ready(verb string) error {
	switch {
	case w.done:
		return fmt.Errorf("blobsink: %s %q: the writer has ended", verb, w.key)
	case w.err != nil:
		return w.err
	case w.ctx.Err() != nil:
		w.err = fmt.Errorf("blobsink: %s %q: %w", verb, w.key, w.ctx.Err())
		return w.err
	}
	return nil
}
