package sinktest

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/exportyard/exportyard/sink"
)

const key = "a/b.csv"

// unended creates key and writes size bytes. The caller ends the writer.
func unended(ctx context.Context, h Harness, size int) (sink.Writer, []byte, error) {
	w, err := h.Sink.Create(ctx, key, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("create: %w", err)
	}
	data := content(size, size)
	if err := write(w, data); err != nil {
		return nil, nil, errors.Join(err, w.Abort())
	}
	return w, data, nil
}

func invisible(ctx context.Context, h Harness) error {
	for _, size := range sizes(h) {
		w, _, err := unended(ctx, h, size)
		if err == nil {
			err = errors.Join(absent(ctx, h.Sink, key), w.Abort())
		}
		if err != nil {
			return fmt.Errorf("after %d bytes: %w", size, err)
		}
	}
	return nil
}

func whole(ctx context.Context, h Harness) error {
	for i, size := range sizes(h) {
		name := fmt.Sprintf("a/%d.csv", i)
		data := content(i, size)
		if err := put(ctx, h.Sink, name, data); err != nil {
			return err
		}
		if err := present(ctx, h.Sink, name, data); err != nil {
			return err
		}
	}
	return nil
}

func takesAll(ctx context.Context, h Harness) error {
	w, err := h.Sink.Create(ctx, key, nil)
	if err != nil {
		return err
	}
	p := content(1, h.Large)
	n, err := w.Write(p)
	if err != nil || n != len(p) {
		return errors.Join(fmt.Errorf("write of %d bytes returned %d and %v", len(p), n, err), w.Abort())
	}
	if !bytes.Equal(p, content(1, h.Large)) {
		return errors.Join(errors.New("write changed p"), w.Abort())
	}
	if err := w.Commit(); err != nil {
		return err
	}
	return present(ctx, h.Sink, key, p)
}

func keepsNoReference(ctx context.Context, h Harness) error {
	w, err := h.Sink.Create(ctx, key, nil)
	if err != nil {
		return err
	}
	data := content(1, h.Large)
	p := make([]byte, 10_007)
	for rest := data; len(rest) > 0; {
		n := copy(p, rest)
		if _, err := w.Write(p[:n]); err != nil {
			return errors.Join(err, w.Abort())
		}
		clear(p)
		rest = rest[n:]
	}
	if err := w.Commit(); err != nil {
		return err
	}
	return present(ctx, h.Sink, key, data)
}

func emptyObject(ctx context.Context, h Harness) error {
	for _, size := range []int{0, 1} { // without a Write, and after an empty one
		name := fmt.Sprintf("a/empty-%d", size)
		w, err := h.Sink.Create(ctx, name, nil)
		if err != nil {
			return err
		}
		if size == 1 {
			_, err = w.Write(nil)
		}
		if err = errors.Join(err, w.Commit()); err != nil {
			return err
		}
		if err := present(ctx, h.Sink, name, nil); err != nil {
			return err
		}
	}
	return nil
}

func anyOptions(ctx context.Context, h Harness) error {
	data := content(1, 100_000)
	for i, hint := range []int64{0, 1, 100_000, 1 << 40} {
		name := fmt.Sprintf("a/%d.csv", i)
		w, err := h.Sink.Create(ctx, name, &sink.CreateOptions{
			ContentType: "text/csv; charset=utf-8",
			Filename:    "Übersicht \"2024\".csv",
			SizeHint:    hint,
		})
		if err != nil {
			return fmt.Errorf("create with a hint of %d bytes: %w", hint, err)
		}
		if err := write(w, data); err != nil {
			return errors.Join(err, w.Abort())
		}
		if err := w.Commit(); err != nil {
			return err
		}
		if err := present(ctx, h.Sink, name, data); err != nil {
			return err
		}
	}
	return nil
}

func commitLeavesNothingOver(ctx context.Context, h Harness) error {
	for i, size := range sizes(h) {
		if err := put(ctx, h.Sink, fmt.Sprintf("a/%d.csv", i), content(i, size)); err != nil {
			return err
		}
	}
	if err := nothingOver(ctx, h); err != nil {
		return err
	}
	found, err := list(ctx, h.Sink, "")
	if err == nil && len(found) != len(sizes(h)) {
		err = fmt.Errorf("%d objects were committed, %d are listed", len(sizes(h)), len(found))
	}
	return err
}

func abort(ctx context.Context, h Harness) error {
	for _, size := range sizes(h) {
		w, _, err := unended(ctx, h, size)
		if err == nil {
			err = w.Abort()
		}
		if err == nil {
			err = errors.Join(absent(ctx, h.Sink, key), nothingOver(ctx, h))
		}
		if err != nil {
			return fmt.Errorf("after %d bytes: %w", size, err)
		}
	}
	return nil
}

func abortAfterCommit(ctx context.Context, h Harness) error {
	w, data, err := unended(ctx, h, 1000)
	if err != nil {
		return err
	}
	if err := w.Commit(); err != nil {
		return err
	}
	if err := w.Abort(); err != nil {
		return fmt.Errorf("abort: %w", err)
	}
	return present(ctx, h.Sink, key, data)
}

func abortTwice(ctx context.Context, h Harness) error {
	w, _, err := unended(ctx, h, 1000)
	if err != nil {
		return err
	}
	if err := w.Abort(); err != nil {
		return fmt.Errorf("abort: %w", err)
	}
	// The second one must not touch what has come since under the same key.
	if err := put(ctx, h.Sink, key, []byte("another")); err != nil {
		return err
	}
	if err := w.Abort(); err != nil {
		return fmt.Errorf("second abort: %w", err)
	}
	return present(ctx, h.Sink, key, []byte("another"))
}

func writeAfterCommit(ctx context.Context, h Harness) error {
	w, data, err := unended(ctx, h, 1000)
	if err != nil {
		return err
	}
	if err := w.Commit(); err != nil {
		return err
	}
	if _, err := w.Write([]byte("more")); err == nil {
		return errors.New("it returned nil")
	}
	return present(ctx, h.Sink, key, data)
}

func writeAfterAbort(ctx context.Context, h Harness) error {
	w, _, err := unended(ctx, h, 1000)
	if err != nil {
		return err
	}
	if err := w.Abort(); err != nil {
		return err
	}
	if _, err := w.Write([]byte("more")); err == nil {
		return errors.New("it returned nil")
	}
	return errors.Join(absent(ctx, h.Sink, key), nothingOver(ctx, h))
}

func commitAfterAbort(ctx context.Context, h Harness) error {
	w, _, err := unended(ctx, h, 1000)
	if err != nil {
		return err
	}
	if err := w.Abort(); err != nil {
		return err
	}
	if err := w.Commit(); err == nil {
		return errors.New("it returned nil")
	}
	return errors.Join(absent(ctx, h.Sink, key), nothingOver(ctx, h))
}

func canceledWrite(ctx context.Context, h Harness) error {
	for _, size := range sizes(h) {
		bounded, cancel := context.WithCancel(ctx)
		w, _, err := unended(bounded, h, size)
		cancel()
		if err != nil {
			return err
		}
		if _, err := w.Write([]byte("more")); err == nil {
			return errors.Join(fmt.Errorf("after %d bytes it returned nil", size), w.Abort())
		}
		if err := w.Abort(); err != nil {
			return fmt.Errorf("abort: %w", err)
		}
		if err := errors.Join(absent(ctx, h.Sink, key), nothingOver(ctx, h)); err != nil {
			return err
		}
	}
	return nil
}

func canceledCommit(ctx context.Context, h Harness) error {
	for _, size := range sizes(h) {
		bounded, cancel := context.WithCancel(ctx)
		w, _, err := unended(bounded, h, size)
		cancel()
		if err != nil {
			return err
		}
		if err := w.Commit(); err == nil {
			return fmt.Errorf("after %d bytes it returned nil", size)
		}
		if err := errors.Join(absent(ctx, h.Sink, key), nothingOver(ctx, h), w.Abort()); err != nil {
			return fmt.Errorf("after %d bytes: %w", size, err)
		}
	}
	return nil
}

func canceledAbort(ctx context.Context, h Harness) error {
	for _, size := range sizes(h) {
		bounded, cancel := context.WithCancel(ctx)
		w, _, err := unended(bounded, h, size)
		cancel()
		if err != nil {
			return err
		}
		if err := errors.Join(w.Abort(), absent(ctx, h.Sink, key), nothingOver(ctx, h)); err != nil {
			return fmt.Errorf("after %d bytes: %w", size, err)
		}
	}
	return nil
}

func existingKey(ctx context.Context, h Harness) error {
	old := content(1, 1000)
	if err := put(ctx, h.Sink, key, old); err != nil {
		return err
	}
	for _, size := range sizes(h) {
		if err := put(ctx, h.Sink, key, content(2, size)); !errors.Is(err, sink.ErrExists) {
			return fmt.Errorf("a second object of %d bytes: got %v, want ErrExists", size, err)
		}
		if err := errors.Join(present(ctx, h.Sink, key, old), nothingOver(ctx, h)); err != nil {
			return err
		}
	}
	return nil
}
