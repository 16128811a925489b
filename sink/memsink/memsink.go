package memsink

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/exportyard/exportyard/sink"
)

var _ sink.Sink = (*Sink)(nil)

// Options adjust a Sink.
type Options struct {
	// Limit is how many bytes the objects and the unfinished writers may hold
	// together. Default: 0, no limit.
	Limit int64
	// Now gives the time that objects are stamped with. Default: [time.Now].
	Now func() time.Time
}

// A Sink holds objects in memory. It is safe for concurrent use.
type Sink struct {
	limit int64
	now   func() time.Time

	mu         sync.RWMutex
	objects    map[string]stored
	used       int64
	unfinished int
}

// stored is one object. Its data is never changed, only replaced.
type stored struct {
	data []byte
	at   time.Time
	opts sink.CreateOptions
}

// New makes an empty Sink.
func New(opts *Options) (*Sink, error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	if o.Limit < 0 {
		return nil, fmt.Errorf("memsink: a limit of %d bytes is below zero", o.Limit)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Sink{limit: o.Limit, now: o.Now, objects: make(map[string]stored)}, nil
}

// Create starts an object, see [sink.Sink].
func (s *Sink) Create(ctx context.Context, key string, opts *sink.CreateOptions) (sink.Writer, error) {
	if err := check(ctx, "create", key); err != nil {
		return nil, err
	}
	w := &writer{ctx: ctx, sink: s, key: key}
	if opts != nil {
		w.opts = *opts
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.objects[key]; ok {
		return nil, fmt.Errorf("memsink: create %q: %w", key, sink.ErrExists)
	}
	s.unfinished++
	return w, nil
}

// Open reads an object or a range of it, see [sink.Sink].
func (s *Sink) Open(ctx context.Context, key string, offset, length int64) (sink.Reader, error) {
	if err := check(ctx, "open", key); err != nil {
		return nil, err
	}
	if offset < 0 {
		return nil, fmt.Errorf("memsink: open %q: the offset %d is below zero", key, offset)
	}
	s.mu.RLock()
	obj, ok := s.objects[key]
	s.mu.RUnlock()
	if !ok {
		return nil, fmt.Errorf("memsink: open %q: %w", key, sink.ErrNotFound)
	}
	data := obj.data[min(offset, int64(len(obj.data))):]
	if length >= 0 {
		data = data[:min(length, int64(len(data)))]
	}
	return &reader{ctx: ctx, data: bytes.NewReader(data), object: obj.describe(key)}, nil
}

// List gives the objects under prefix, see [sink.Sink]. It shows the sink as
// it was when the sequence began.
func (s *Sink) List(ctx context.Context, prefix string) iter.Seq2[sink.Object, error] {
	return func(yield func(sink.Object, error) bool) {
		for _, obj := range s.matching(prefix) {
			if err := ctx.Err(); err != nil {
				yield(sink.Object{}, fmt.Errorf("memsink: list: %w", err))
				return
			}
			if !yield(obj, nil) {
				return
			}
		}
		if err := ctx.Err(); err != nil {
			yield(sink.Object{}, fmt.Errorf("memsink: list: %w", err))
		}
	}
}

func (s *Sink) matching(prefix string) []sink.Object {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var found []sink.Object
	for key, obj := range s.objects {
		if strings.HasPrefix(key, prefix) {
			found = append(found, obj.describe(key))
		}
	}
	slices.SortFunc(found, func(a, b sink.Object) int { return cmp.Compare(a.Key, b.Key) })
	return found
}

// Delete removes an object, see [sink.Sink].
func (s *Sink) Delete(ctx context.Context, key string) error {
	if err := check(ctx, "delete", key); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used -= int64(len(s.objects[key].data))
	delete(s.objects, key)
	return nil
}

// Keys returns the keys of all objects in ascending order.
func (s *Sink) Keys() []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Sorted(maps.Keys(s.objects))
}

// Bytes returns a copy of an object's content and whether there is such an object.
func (s *Sink) Bytes(key string) ([]byte, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	obj, ok := s.objects[key]
	return bytes.Clone(obj.data), ok
}

// CreateOptions returns what an object was created with and whether there is
// such an object.
func (s *Sink) CreateOptions(key string) (sink.CreateOptions, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	obj, ok := s.objects[key]
	return obj.opts, ok
}

// Unfinished returns how many writers have neither been committed nor aborted.
func (s *Sink) Unfinished() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.unfinished
}

// Put sets an object's content without asking whether there is one already,
// nor what the limit says: the way to damage a file in a test. An object that
// was there keeps its time and options.
func (s *Sink) Put(key string, data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	obj, ok := s.objects[key]
	if !ok {
		obj.at = s.now()
	}
	s.used += int64(len(data)) - int64(len(obj.data))
	obj.data = bytes.Clone(data)
	s.objects[key] = obj
}

func (o stored) describe(key string) sink.Object {
	return sink.Object{Key: key, Size: int64(len(o.data)), ModTime: o.at}
}

func check(ctx context.Context, verb, key string) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("memsink: %s: %w", verb, err)
	}
	if err := sink.ValidKey(key); err != nil {
		return fmt.Errorf("memsink: %s: %w", verb, err)
	}
	return nil
}

// reader reads a range of an object's bytes as they were when it was opened.
type reader struct {
	ctx    context.Context // bounds the reader's life
	data   *bytes.Reader
	object sink.Object
}

var _ sink.Reader = (*reader)(nil)

func (r *reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, fmt.Errorf("memsink: read %q: %w", r.object.Key, err)
	}
	return r.data.Read(p)
}

func (r *reader) Close() error { return nil }

func (r *reader) Object() sink.Object { return r.object }
