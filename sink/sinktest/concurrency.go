package sinktest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/exportyard/exportyard/sink"
)

// together calls f n times at once and returns what each returned.
func together(n int, f func(i int) error) []error {
	var all sync.WaitGroup
	errs := make([]error, n)
	for i := range n {
		all.Go(func() { errs[i] = f(i) })
	}
	all.Wait()
	return errs
}

// oneWinner lets writers meet again and again: each has written all its bytes
// before the first commits.
func oneWinner(ctx context.Context, h Harness) error {
	const rounds, writers, size = 10, 8, 70_000
	for round := range rounds {
		name := fmt.Sprintf("a/%d.csv", round)
		var ready sync.WaitGroup
		ready.Add(writers)
		won := -1
		var mu sync.Mutex
		errs := together(writers, func(i int) error {
			w, err := h.Sink.Create(ctx, name, nil)
			if err == nil {
				err = write(w, content(i, size))
			}
			ready.Done()
			if err != nil {
				return fmt.Errorf("before anyone commits: %w", err)
			}
			ready.Wait()
			err = w.Commit()
			if errors.Is(err, sink.ErrExists) {
				return w.Abort()
			}
			if err != nil {
				return errors.Join(fmt.Errorf("got %w, want nil or ErrExists", err), w.Abort())
			}
			mu.Lock()
			defer mu.Unlock()
			if won >= 0 {
				return fmt.Errorf("writers %d and %d both won", won, i)
			}
			won = i
			return nil
		})
		if err := errors.Join(errs...); err != nil {
			return err
		}
		if won < 0 {
			return errors.New("no writer won")
		}
		if err := errors.Join(present(ctx, h.Sink, name, content(won, size)), nothingOver(ctx, h)); err != nil {
			return err
		}
	}
	return nil
}

func manyWriters(ctx context.Context, h Harness) error {
	const writers = 32
	name := func(i int) string { return fmt.Sprintf("%c/%d/x.csv", 'a'+i%3, i%5*100+i) }
	size := func(i int) int { return i * 7_001 }
	errs := together(writers, func(i int) error {
		if i%4 > 0 {
			return put(ctx, h.Sink, name(i), content(i, size(i)))
		}
		w, err := h.Sink.Create(ctx, name(i), nil)
		if err != nil {
			return err
		}
		return errors.Join(write(w, content(i, size(i))), w.Abort())
	})
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for i := range writers {
		var err error
		if i%4 > 0 {
			err = present(ctx, h.Sink, name(i), content(i, size(i)))
		} else {
			err = absent(ctx, h.Sink, name(i))
		}
		if err != nil {
			return err
		}
	}
	return nothingOver(ctx, h)
}

// neverPartial reads all that is listed, over and over, while a writer commits
// objects and deletes some of them again.
func neverPartial(ctx context.Context, h Harness) error {
	const objects, size = 30, 200_000
	data := content(1, size)
	writing, finish := context.WithCancel(ctx)
	defer finish()
	errs := together(3, func(i int) error {
		if i > 0 {
			for writing.Err() == nil {
				if err := pollOnce(ctx, h.Sink, data); err != nil {
					return err
				}
			}
			return nil
		}
		defer finish()
		for n := range objects {
			name := fmt.Sprintf("a/%03d", n)
			if err := put(ctx, h.Sink, name, data); err != nil {
				return err
			}
			if n%3 > 0 {
				continue
			}
			if err := h.Sink.Delete(ctx, name); err != nil {
				return err
			}
		}
		return nil
	})
	return errors.Join(errs...)
}

func pollOnce(ctx context.Context, s sink.Sink, want []byte) error {
	for obj, err := range s.List(ctx, "a/") {
		if err != nil {
			return err
		}
		if obj.Size != int64(len(want)) {
			return fmt.Errorf("%q is listed with %d of %d bytes", obj.Key, obj.Size, len(want))
		}
		got, _, err := read(ctx, s, obj.Key, 0, -1)
		if errors.Is(err, sink.ErrNotFound) {
			continue // deleted meanwhile
		}
		if err != nil {
			return err
		}
		if !bytes.Equal(got, want) {
			return fmt.Errorf("%q reads as %d bytes that are not the %d written", obj.Key, len(got), len(want))
		}
	}
	return nil
}
