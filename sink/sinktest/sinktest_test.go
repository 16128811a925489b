package sinktest_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"iter"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/sink"
	"github.com/exportyard/exportyard/sink/sinktest"
)

func TestRun(t *testing.T) {
	t.Parallel()
	sinktest.Run(t, func(*testing.T) sinktest.Harness { return newBroken(func(*broken) {}).harness() })
}

func TestSoundSinkBreaksNoRule(t *testing.T) {
	t.Parallel()
	require.Empty(t, sinktest.Violations(t.Context(), func() sinktest.Harness {
		return newBroken(func(*broken) {}).harness()
	}))
}

// TestEachRuleCatchesItsBreach gives every rule sinks that break it.
func TestEachRuleCatchesItsBreach(t *testing.T) {
	t.Parallel()
	breached := make(map[string]bool)
	for _, tt := range mutants {
		breached[tt.rule] = true
		t.Run(tt.rule+"/"+tt.name, func(t *testing.T) {
			t.Parallel()
			err := sinktest.Violation(t.Context(), tt.rule, newBroken(tt.fault).harness())
			require.Error(t, err)
			t.Log(err)
		})
	}
	for _, name := range sinktest.RuleNames() {
		require.True(t, breached[name], "no broken sink for the rule %s", name)
	}
}

var mutants = []struct {
	name  string
	rule  string
	fault func(b *broken)
}{
	{"publishes as it writes", "invisible", func(b *broken) {
		b.wrap = func(w *brokenWriter) {
			write, abort := w.write, w.abort
			w.write = func(p []byte) (int, error) {
				old, _ := b.mem.Bytes(w.key)
				b.mem.Put(w.key, append(old, p...))
				return write(p)
			}
			w.abort = func() error { return errors.Join(abort(), b.mem.Delete(context.Background(), w.key)) }
		}
	}},
	{"makes an empty object first", "invisible", func(b *broken) {
		b.wrap = func(w *brokenWriter) { b.mem.Put(w.key, nil) }
	}},
	{"loses the last byte", "whole", func(b *broken) {
		b.collect(func(w *brokenWriter, data []byte) error {
			b.mem.Put(w.key, data[:max(len(data)-1, 0)])
			return nil
		})
	}},
	{"lists no sizes", "whole", func(b *broken) {
		b.list = func(ctx context.Context, prefix string) iter.Seq2[sink.Object, error] {
			return func(yield func(sink.Object, error) bool) {
				for obj, err := range b.mem.List(ctx, prefix) {
					if !yield(sink.Object{Key: obj.Key}, err) {
						return
					}
				}
			}
		}
	}},
	{"takes a part of p", "takes_all", func(b *broken) {
		b.wrap = func(w *brokenWriter) {
			write := w.write
			w.write = func(p []byte) (int, error) { return write(p[:min(len(p), 1<<20)]) }
		}
	}},
	{"encrypts in place", "takes_all", func(b *broken) {
		b.wrap = func(w *brokenWriter) {
			write := w.write
			w.write = func(p []byte) (int, error) {
				n, err := write(p)
				for i := range p {
					p[i] ^= 0xff
				}
				return n, err
			}
		}
	}},
	{"keeps p until Commit", "keeps_no_reference", func(b *broken) {
		b.wrap = func(w *brokenWriter) {
			var kept [][]byte
			write, commit := w.write, w.commit
			w.write = func(p []byte) (int, error) { kept = append(kept, p); return len(p), nil }
			w.commit = func() error {
				if _, err := write(bytes.Join(kept, nil)); err != nil {
					return err
				}
				return commit()
			}
		}
	}},
	{"makes no object of nothing", "empty_object", func(b *broken) {
		b.collect(func(w *brokenWriter, data []byte) error {
			if len(data) > 0 {
				return nil
			}
			return b.mem.Delete(context.Background(), w.key)
		})
	}},
	{"believes the hint", "any_options", func(b *broken) {
		b.collect(func(w *brokenWriter, data []byte) error {
			if w.hint > 0 {
				b.mem.Put(w.key, data[:min(w.hint, int64(len(data)))])
			}
			return nil
		})
	}},
	{"leaves its temporary file", "commit_leaves_nothing_over", func(b *broken) {
		b.collect(func(*brokenWriter, []byte) error { b.extra++; return nil })
	}},
	{"leaves a sidecar object", "commit_leaves_nothing_over", func(b *broken) {
		b.collect(func(w *brokenWriter, _ []byte) error { b.mem.Put(w.key+".attrs", nil); return nil })
	}},
	{"publishes on Abort", "abort", func(b *broken) {
		b.wrap = func(w *brokenWriter) { w.abort = w.commit }
	}},
	{"forgets to release", "abort", func(b *broken) {
		b.wrap = func(w *brokenWriter) { w.abort = func() error { return nil } }
	}},
	{"removes the committed object", "abort_after_commit", func(b *broken) {
		b.wrap = func(w *brokenWriter) {
			w.abort = func() error { return b.mem.Delete(context.Background(), w.key) }
		}
	}},
	{"complains", "abort_after_commit", func(b *broken) {
		b.wrap = func(w *brokenWriter) {
			commit := w.commit
			w.commit = func() error { w.abort = func() error { return io.ErrClosedPipe }; return commit() }
		}
	}},
	{"removes by name", "abort_twice", func(b *broken) {
		b.wrap = func(w *brokenWriter) {
			abort := w.abort
			w.abort = func() error { return errors.Join(abort(), b.mem.Delete(context.Background(), w.key)) }
		}
	}},
	{"complains", "abort_twice", func(b *broken) {
		b.wrap = func(w *brokenWriter) {
			abort := w.abort
			w.abort = func() error { w.abort = func() error { return io.ErrClosedPipe }; return abort() }
		}
	}},
	{"swallows", "write_after_commit", func(b *broken) {
		b.collect(func(w *brokenWriter, _ []byte) error {
			w.write = func(p []byte) (int, error) { return len(p), nil }
			return nil
		})
	}},
	{"swallows", "write_after_abort", func(b *broken) {
		b.wrap = func(w *brokenWriter) {
			abort := w.abort
			w.abort = func() error { w.write = func(p []byte) (int, error) { return len(p), nil }; return abort() }
		}
	}},
	{"says yes", "commit_after_abort", func(b *broken) {
		b.wrap = func(w *brokenWriter) {
			abort := w.abort
			w.abort = func() error { w.commit = func() error { return nil }; return abort() }
		}
	}},
	{"publishes all the same", "commit_after_abort", func(b *broken) {
		b.wrap = func(w *brokenWriter) {
			abort := w.abort
			w.abort = func() error {
				w.commit = func() error { b.mem.Put(w.key, []byte("x")); return io.ErrClosedPipe }
				return abort()
			}
		}
	}},
	{"forgets the context", "canceled_write", func(b *broken) {
		b.create = func(ctx context.Context, key string, opts *sink.CreateOptions) (sink.Writer, error) {
			return b.mem.Create(detached(ctx), key, opts)
		}
	}},
	{"forgets the context", "canceled_commit", func(b *broken) {
		b.create = func(ctx context.Context, key string, opts *sink.CreateOptions) (sink.Writer, error) {
			return b.mem.Create(detached(ctx), key, opts)
		}
	}},
	{"publishes the part it has", "canceled_commit", func(b *broken) {
		b.wrap = func(w *brokenWriter) {
			commit := w.commit
			w.commit = func() error { err := commit(); b.mem.Put(w.key, []byte("half")); return err }
		}
	}},
	{"uses the canceled context", "canceled_abort", func(b *broken) {
		b.create = func(ctx context.Context, key string, opts *sink.CreateOptions) (sink.Writer, error) {
			w, err := b.mem.Create(ctx, key, opts)
			if err != nil {
				return nil, err
			}
			abort := func() error {
				if ctx.Err() != nil {
					return nil // the request to throw the upload away is never sent
				}
				return w.Abort()
			}
			return &brokenWriter{write: w.Write, commit: w.Commit, abort: abort}, nil
		}
	}},
	{"publishes at a deadline", "interrupted", func(b *broken) {
		b.create = func(ctx context.Context, key string, opts *sink.CreateOptions) (sink.Writer, error) {
			w, err := b.mem.Create(detached(ctx), key, opts)
			if err != nil {
				return nil, err
			}
			abort := func() error {
				if errors.Is(ctx.Err(), context.DeadlineExceeded) {
					return w.Commit()
				}
				return w.Abort()
			}
			return &brokenWriter{write: w.Write, commit: w.Commit, abort: abort}, nil
		}
	}},
	{"publishes whole parts", "interrupted", func(b *broken) {
		b.wrap = func(w *brokenWriter) {
			n, write, abort := 0, w.write, w.abort
			w.write = func(p []byte) (int, error) { n += len(p); return write(p) }
			w.abort = func() error {
				if n == 64<<10 {
					return w.commit()
				}
				return abort()
			}
		}
	}},
	{"replaces", "existing_key", func(b *broken) { b.replaceAtCommit() }},
	{"removes the old object", "existing_key", func(b *broken) {
		b.create = func(ctx context.Context, key string, opts *sink.CreateOptions) (sink.Writer, error) {
			w, err := b.mem.Create(ctx, key, opts)
			if err != nil {
				err = errors.Join(err, b.mem.Delete(ctx, key))
			}
			return w, err
		}
	}},
	{"the last one wins", "one_winner", func(b *broken) { b.replaceAtCommit() }},
	{"nobody wins", "one_winner", func(b *broken) {
		b.wrap = func(w *brokenWriter) {
			w.commit = func() error { return errors.Join(sink.ErrExists, w.abort()) }
		}
	}},
	{"names temporary files by the last segment", "many_writers", func(b *broken) {
		var mu sync.Mutex
		temps := make(map[string][]byte)
		b.wrap = func(w *brokenWriter) {
			temp, commit := path.Base(w.key), w.commit
			w.write = func(p []byte) (int, error) {
				mu.Lock()
				defer mu.Unlock()
				temps[temp] = append(temps[temp], p...)
				return len(p), nil
			}
			w.commit = func() error {
				mu.Lock()
				defer mu.Unlock()
				err := commit()
				b.mem.Put(w.key, temps[temp])
				return err
			}
		}
	}},
	{"shows half before the whole", "never_partial", func(b *broken) {
		listed := make(chan struct{})
		b.list = func(ctx context.Context, prefix string) iter.Seq2[sink.Object, error] {
			return func(yield func(sink.Object, error) bool) {
				b.mem.List(ctx, prefix)(yield)
				select {
				case listed <- struct{}{}:
				default:
				}
			}
		}
		first := true
		b.collect(func(w *brokenWriter, data []byte) error {
			if !first {
				return nil
			}
			first = false
			b.mem.Put(w.key, data[:len(data)/2])
			for range 2 { // the first may have begun before
				select {
				case <-listed:
				case <-time.After(time.Second / 2): // the readers have found out and left
				}
			}
			b.mem.Put(w.key, data)
			return nil
		})
	}},
	{"cleans keys", "invalid_key", func(b *broken) {
		b.create = func(ctx context.Context, key string, opts *sink.CreateOptions) (sink.Writer, error) {
			return b.mem.Create(ctx, strings.TrimPrefix(path.Clean(key), "/"), opts)
		}
	}},
	{"looks for any key", "invalid_key", func(b *broken) {
		b.open = func(ctx context.Context, key string, offset, length int64) (sink.Reader, error) {
			if sink.ValidKey(key) != nil {
				return nil, sink.ErrNotFound
			}
			return b.mem.Open(ctx, key, offset, length)
		}
	}},
	{"deletes any key", "invalid_key", func(b *broken) {
		b.delete = func(ctx context.Context, key string) error {
			if sink.ValidKey(key) != nil {
				return nil
			}
			return b.mem.Delete(ctx, key)
		}
	}},
	{"gives an empty object", "not_found", func(b *broken) {
		b.open = func(ctx context.Context, key string, offset, length int64) (sink.Reader, error) {
			r, err := b.mem.Open(ctx, key, offset, length)
			if errors.Is(err, sink.ErrNotFound) {
				return emptyReader(key), nil
			}
			return r, err
		}
	}},
	{"has an error of its own", "not_found", func(b *broken) {
		b.open = func(ctx context.Context, key string, offset, length int64) (sink.Reader, error) {
			r, err := b.mem.Open(ctx, key, offset, length)
			if errors.Is(err, sink.ErrNotFound) {
				err = errors.New("404")
			}
			return r, err
		}
	}},
	{"refuses an offset behind the end", "range", func(b *broken) {
		b.open = func(ctx context.Context, key string, offset, length int64) (sink.Reader, error) {
			r, err := b.mem.Open(ctx, key, offset, length)
			if err == nil && offset > 0 && offset >= r.Object().Size {
				return nil, errors.New("416")
			}
			return r, err
		}
	}},
	{"reads to the end for length zero", "range", func(b *broken) {
		b.open = func(ctx context.Context, key string, offset, length int64) (sink.Reader, error) {
			if length == 0 {
				length = -1
			}
			return b.mem.Open(ctx, key, offset, length)
		}
	}},
	{"begins at the start for an offset below zero", "range", func(b *broken) {
		b.open = func(ctx context.Context, key string, offset, length int64) (sink.Reader, error) {
			return b.mem.Open(ctx, key, max(offset, 0), length)
		}
	}},
	{"knows -1 alone", "range", func(b *broken) {
		b.open = func(ctx context.Context, key string, offset, length int64) (sink.Reader, error) {
			if length < -1 {
				length = 0
			}
			return b.mem.Open(ctx, key, offset, length)
		}
	}},
	{"gives the size of the range", "describes_whole", func(b *broken) {
		b.open = func(ctx context.Context, key string, offset, length int64) (sink.Reader, error) {
			r, err := b.mem.Open(ctx, key, offset, length)
			if err != nil {
				return nil, err
			}
			data, err := io.ReadAll(r)
			obj := r.Object()
			obj.Size = int64(len(data))
			return brokenReader{Reader: bytes.NewReader(data), object: obj}, err
		}
	}},
	{"sorts folders by their names", "list_order", func(b *broken) {
		b.sorted(func(x, y sink.Object) int {
			return cmp.Compare(strings.ReplaceAll(x.Key, "/", "\x00"), strings.ReplaceAll(y.Key, "/", "\x00"))
		})
	}},
	{"sorts without case", "list_order", func(b *broken) {
		b.sorted(func(x, y sink.Object) int { return cmp.Compare(strings.ToLower(x.Key), strings.ToLower(y.Key)) })
	}},
	{"takes the prefix for a folder", "list_prefix", func(b *broken) {
		b.list = func(ctx context.Context, prefix string) iter.Seq2[sink.Object, error] {
			if prefix != "" && !strings.HasSuffix(prefix, "/") {
				prefix += "/"
			}
			return b.mem.List(ctx, prefix)
		}
	}},
	{"lists the folder of the prefix", "list_prefix", func(b *broken) {
		b.list = func(ctx context.Context, prefix string) iter.Seq2[sink.Object, error] {
			return b.mem.List(ctx, prefix[:strings.LastIndexByte(prefix, '/')+1])
		}
	}},
	{"lists one page", "list_all", func(b *broken) {
		b.list = func(ctx context.Context, prefix string) iter.Seq2[sink.Object, error] {
			return func(yield func(sink.Object, error) bool) {
				n := 0
				for obj, err := range b.mem.List(ctx, prefix) {
					if n++; n > 1000 || !yield(obj, err) {
						return
					}
				}
			}
		}
	}},
	{"lists the last of a page twice", "list_all", func(b *broken) {
		b.list = func(ctx context.Context, prefix string) iter.Seq2[sink.Object, error] {
			return func(yield func(sink.Object, error) bool) {
				n := 0
				for obj, err := range b.mem.List(ctx, prefix) {
					if n++; n == 1000 && !yield(obj, err) || !yield(obj, err) {
						return
					}
				}
			}
		}
	}},
	{"goes on", "list_break", func(b *broken) {
		b.list = func(ctx context.Context, prefix string) iter.Seq2[sink.Object, error] {
			return func(yield func(sink.Object, error) bool) {
				for obj, err := range b.mem.List(ctx, prefix) {
					yield(obj, err)
				}
			}
		}
	}},
	{"ends without a word", "list_canceled", func(b *broken) {
		b.list = func(ctx context.Context, prefix string) iter.Seq2[sink.Object, error] {
			return func(yield func(sink.Object, error) bool) {
				for obj, err := range b.mem.List(ctx, prefix) {
					if err != nil || !yield(obj, nil) {
						return
					}
				}
			}
		}
	}},
	{"removes a folder", "delete", func(b *broken) {
		b.delete = func(ctx context.Context, key string) error {
			for obj, err := range b.mem.List(ctx, key) {
				if err := errors.Join(err, b.mem.Delete(ctx, obj.Key)); err != nil {
					return err
				}
			}
			return nil
		}
	}},
	{"keeps a tombstone", "delete", func(b *broken) {
		b.delete = func(ctx context.Context, key string) error {
			if _, ok := b.mem.Bytes(key); ok {
				b.mem.Put(key, nil)
			}
			return nil
		}
	}},
	{"complains", "delete_again", func(b *broken) {
		b.delete = func(ctx context.Context, key string) error {
			if _, ok := b.mem.Bytes(key); !ok {
				return sink.ErrNotFound
			}
			return b.mem.Delete(ctx, key)
		}
	}},
	{"takes it for an object", "abandoned", func(b *broken) {
		b.list = func(ctx context.Context, prefix string) iter.Seq2[sink.Object, error] {
			b.mu.Lock()
			defer b.mu.Unlock()
			for key := range b.leftovers {
				b.mem.Put(key, []byte("half"))
			}
			return b.mem.List(ctx, prefix)
		}
	}},
	{"knows no prefix", "clean", func(b *broken) {
		b.clean = func(_ string, before time.Time) int { return b.removeLeftovers("", before) }
	}},
	{"removes objects too", "clean", func(b *broken) {
		b.clean = func(prefix string, before time.Time) int {
			for _, key := range b.mem.Keys() {
				if strings.HasPrefix(key, prefix) {
					_ = b.mem.Delete(context.Background(), key)
				}
			}
			return b.removeLeftovers(prefix, before)
		}
	}},
	{"does nothing", "clean", func(b *broken) { b.clean = func(string, time.Time) int { return 0 } }},
	{"knows no time", "clean_spares_young", func(b *broken) {
		b.clean = func(prefix string, _ time.Time) int { return b.removeLeftovers(prefix, time.Now().Add(time.Hour)) }
	}},
	{"counts nothing but removes", "clean_spares_young", func(b *broken) {
		b.clean = func(prefix string, _ time.Time) int {
			b.removeLeftovers(prefix, time.Now().Add(time.Hour))
			return 0
		}
	}},
}
