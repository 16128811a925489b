package sink

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
)

// Probe proves that a sink can write, read, list and delete, with a small object
// under key. The error begins with the step that failed. What it wrote is gone
// afterwards, also when a step fails, as far as the sink allows.
func Probe(ctx context.Context, s Sink, key string) (err error) {
	want := []byte("exportyard checks that it can write, read, list and delete here\n")
	w, err := s.Create(ctx, key, &CreateOptions{ContentType: "text/plain"})
	if err != nil {
		return fmt.Errorf("write: %w", err)
	}
	_, err = w.Write(want)
	if err == nil {
		err = w.Commit()
	}
	if err != nil {
		return fmt.Errorf("write: %w", errors.Join(err, w.Abort()))
	}
	defer func() {
		if err != nil {
			_ = s.Delete(context.WithoutCancel(ctx), key) // the step's own error says more
		}
	}()
	r, err := s.Open(ctx, key, 0, -1)
	if err != nil {
		return fmt.Errorf("read: %w", err)
	}
	got, err := io.ReadAll(io.LimitReader(r, int64(len(want))+1))
	if err = errors.Join(err, r.Close()); err != nil {
		return fmt.Errorf("read: %w", err)
	}
	if !bytes.Equal(got, want) {
		return errors.New("read: it gave back other bytes than were written")
	}
	listed := false
	for o, err := range s.List(ctx, key) {
		if err != nil {
			return fmt.Errorf("list: %w", err)
		}
		listed = listed || o.Key == key
	}
	if !listed {
		return fmt.Errorf("list: what was written is not listed: %w", ErrNotFound)
	}
	if err := s.Delete(ctx, key); err != nil {
		return fmt.Errorf("delete: %w", err)
	}
	return nil
}
