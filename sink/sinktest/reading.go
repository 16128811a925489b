package sinktest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/exportyard/exportyard/sink"
)

func invalidKey(ctx context.Context, h Harness) error {
	for _, bad := range []string{
		"", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/./b", ".a", "a/.b", `a\b`, "a\x00b", "a\nb",
		"a:b", "C:/a", "a\xffb", "nul", "a/COM1.csv", "a.", "a ", strings.Repeat("x", 201), strings.Repeat("x/", 600) + "x",
	} {
		w, err := h.Sink.Create(ctx, bad, nil)
		if err == nil {
			return errors.Join(fmt.Errorf("create %q returned nil", bad), w.Abort())
		}
		r, openErr := h.Sink.Open(ctx, bad, 0, -1)
		if openErr == nil {
			return errors.Join(fmt.Errorf("open %q returned nil", bad), r.Close())
		}
		for verb, err := range map[string]error{"create": err, "open": openErr, "delete": h.Sink.Delete(ctx, bad)} {
			if !errors.Is(err, sink.ErrKey) {
				return fmt.Errorf("%s %q: got %v, want ErrKey", verb, bad, err)
			}
		}
	}
	return nil
}

func notFound(ctx context.Context, h Harness) error {
	if err := absent(ctx, h.Sink, "a/b"); err != nil {
		return err
	}
	if err := put(ctx, h.Sink, "a/b/c", []byte("x")); err != nil {
		return err
	}
	for _, near := range []string{"a", "a/b", "a/b/c/d", "a/b/cc", "b"} {
		if err := absent(ctx, h.Sink, near); err != nil {
			return err
		}
	}
	return nil
}

func ranges(ctx context.Context, h Harness) error {
	for _, size := range []int64{0, 10, 100_000} {
		name := fmt.Sprintf("a/%d.csv", size)
		data := content(1, int(size))
		if err := put(ctx, h.Sink, name, data); err != nil {
			return err
		}
		if r, err := h.Sink.Open(ctx, name, -1, 1); err == nil {
			return errors.Join(errors.New("an offset below zero is taken"), r.Close())
		}
		for _, offset := range []int64{0, 1, size / 2, size - 1, size, size + 1, size + 1<<30} {
			for _, length := range []int64{-1, -5, 0, 1, 3, size, size + 1, 1 << 40} {
				if offset < 0 {
					continue
				}
				want := data[min(offset, size):]
				if length >= 0 {
					want = want[:min(length, int64(len(want)))]
				}
				got, _, err := read(ctx, h.Sink, name, offset, length)
				if err != nil {
					return err
				}
				if string(got) != string(want) {
					return fmt.Errorf("of %d bytes, from %d on, length %d: got %d bytes that are not the %d wanted",
						size, offset, length, len(got), len(want))
				}
			}
		}
	}
	return nil
}

func describesWhole(ctx context.Context, h Harness) error {
	if err := put(ctx, h.Sink, key, content(1, 1000)); err != nil {
		return err
	}
	for _, offset := range []int64{0, 1, 999, 1000, 5000} {
		for _, length := range []int64{-1, 0, 1, 5000} {
			_, obj, err := read(ctx, h.Sink, key, offset, length)
			if err != nil {
				return err
			}
			if obj.Key != key || obj.Size != 1000 || obj.ModTime.IsZero() {
				return fmt.Errorf("from %d on, length %d: got %+v, want %q with 1000 bytes and its time", offset, length, obj, key)
			}
		}
	}
	return nil
}

// keysInOrder sort otherwise when a folder is listed by its name without "/",
// or by letters without case. No two are the same without case, since some file
// systems are.
var keysInOrder = []string{"X", "Z/a", "a b", "a!", "a-b", "a.b/c", "a/b", "a/b.c", "a/c/d", "a/c0", "a0", "a_b", "b/c", "é/x", "€", "𝄞"}

func putKeys(ctx context.Context, s sink.Sink) error {
	for i := range keysInOrder {
		// Committed in another order than they are listed in.
		k := keysInOrder[(i*7+3)%len(keysInOrder)]
		if err := put(ctx, s, k, []byte(k)); err != nil {
			return err
		}
	}
	return nil
}

func keysOf(objects []sink.Object) []string {
	var keys []string
	for _, obj := range objects {
		keys = append(keys, obj.Key)
	}
	return keys
}

func listOrder(ctx context.Context, h Harness) error {
	if err := putKeys(ctx, h.Sink); err != nil {
		return err
	}
	found, err := list(ctx, h.Sink, "")
	if err == nil && !slices.Equal(keysOf(found), keysInOrder) {
		err = fmt.Errorf("got %q\nwant %q", keysOf(found), keysInOrder)
	}
	return err
}

func listPrefix(ctx context.Context, h Harness) error {
	if err := putKeys(ctx, h.Sink); err != nil {
		return err
	}
	for _, prefix := range []string{"a", "a/", "a/b", "a/c", "a/c/", "a/c/d", "a/c/d/", "a.", "é", "zzz", "/", "../", "a//", ".a", `a\`} {
		want := slices.DeleteFunc(slices.Clone(keysInOrder), func(k string) bool { return !strings.HasPrefix(k, prefix) })
		found, err := list(ctx, h.Sink, prefix)
		if err != nil {
			return err
		}
		got := keysOf(found)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			return fmt.Errorf("under %q got %q, want %q", prefix, got, want)
		}
	}
	return nil
}

func listAll(ctx context.Context, h Harness) error {
	name := func(i int) string { return fmt.Sprintf("many/%d/%05d.csv", i%7, i) }
	const at = 8
	errs := together(at, func(first int) error {
		for i := first; i < h.Many; i += at {
			if err := put(ctx, h.Sink, name(i), nil); err != nil {
				return err
			}
		}
		return nil
	})
	if err := errors.Join(errs...); err != nil {
		return err
	}
	found, err := list(ctx, h.Sink, "many/")
	if err != nil {
		return err
	}
	seen := make(map[string]int, h.Many)
	for _, obj := range found {
		seen[obj.Key]++
	}
	for i := range h.Many {
		if seen[name(i)] != 1 {
			return fmt.Errorf("%q of %d objects is listed %d times", name(i), h.Many, seen[name(i)])
		}
	}
	if len(found) != h.Many {
		return fmt.Errorf("%d objects were committed, %d are listed", h.Many, len(found))
	}
	return nil
}

func listBreak(ctx context.Context, h Harness) error {
	if err := putKeys(ctx, h.Sink); err != nil {
		return err
	}
	for _, wanted := range []int{1, 5, len(keysInOrder)} {
		calls := 0
		h.Sink.List(ctx, "")(func(sink.Object, error) bool {
			calls++
			return calls < wanted
		})
		if calls != wanted {
			return fmt.Errorf("a caller that wanted %d objects was called %d times", wanted, calls)
		}
	}
	return nil
}

func listCanceled(ctx context.Context, h Harness) error {
	if err := putKeys(ctx, h.Sink); err != nil {
		return err
	}
	bounded, cancel := context.WithCancel(ctx)
	cancel()
	found, err := list(bounded, h.Sink, "")
	if err == nil {
		return fmt.Errorf("it ended after %d of %d objects", len(found), len(keysInOrder))
	}
	return nil
}

func deletes(ctx context.Context, h Harness) error {
	if err := putKeys(ctx, h.Sink); err != nil {
		return err
	}
	for _, folder := range []string{"a", "a/c", "é"} {
		if err := h.Sink.Delete(ctx, folder); err != nil {
			return fmt.Errorf("delete %q, which only begins keys: %w", folder, err)
		}
	}
	left := slices.Clone(keysInOrder)
	for len(left) > 0 {
		i := len(left) / 2
		if err := h.Sink.Delete(ctx, left[i]); err != nil {
			return fmt.Errorf("delete %q: %w", left[i], err)
		}
		if err := absent(ctx, h.Sink, left[i]); err != nil {
			return err
		}
		left = slices.Delete(left, i, i+1)
		found, err := list(ctx, h.Sink, "")
		if err != nil {
			return err
		}
		if !slices.Equal(keysOf(found), left) {
			return fmt.Errorf("got %q, want %q", keysOf(found), left)
		}
	}
	return nothingOver(ctx, h)
}

func deleteAgain(ctx context.Context, h Harness) error {
	if err := put(ctx, h.Sink, "a/b/c", []byte("x")); err != nil {
		return err
	}
	for _, near := range []string{"a/b/c", "a/b/c", "a/b", "a", "a/b/c/d", "never/was"} {
		if err := h.Sink.Delete(ctx, near); err != nil {
			return fmt.Errorf("delete %q: %w", near, err)
		}
	}
	return nil
}

func abandoned(ctx context.Context, h Harness) error {
	if h.Abandon == nil {
		return nil
	}
	if err := h.Abandon(ctx, key); err != nil {
		return err
	}
	if err := absent(ctx, h.Sink, key); err != nil {
		return err
	}
	if found, err := list(ctx, h.Sink, ""); err != nil || len(found) > 0 {
		return fmt.Errorf("listed: %q and %v", keysOf(found), err)
	}
	// The next attempt has the key for itself.
	if err := put(ctx, h.Sink, key, []byte("again")); err != nil {
		return err
	}
	return present(ctx, h.Sink, key, []byte("again"))
}

func clean(ctx context.Context, h Harness) error {
	if h.Abandon == nil {
		return nil
	}
	objects := []string{"a/b.csv", "a/job/c.csv", "b/d.csv"}
	for _, k := range objects {
		if err := errors.Join(h.Abandon(ctx, k), put(ctx, h.Sink, k, []byte(k))); err != nil {
			return err
		}
	}
	future := time.Now().Add(24 * time.Hour)
	for _, step := range []struct {
		prefix string
		want   int
	}{{"nobody/", 0}, {"a/job/", 1}, {"a/b", 1}, {"a/", 0}, {"", 1}, {"", 0}} {
		n, err := sink.Clean(ctx, h.Sink, step.prefix, future)
		if err != nil || n != step.want {
			return fmt.Errorf("clean %q: got %d and %v, want %d", step.prefix, n, err, step.want)
		}
	}
	for _, k := range objects {
		if err := present(ctx, h.Sink, k, []byte(k)); err != nil {
			return err
		}
	}
	return nothingOver(ctx, h)
}

func cleanSparesYoung(ctx context.Context, h Harness) error {
	if h.Abandon == nil {
		return nil
	}
	if err := h.Abandon(ctx, key); err != nil {
		return err
	}
	n, err := sink.Clean(ctx, h.Sink, "", time.Now().Add(-24*time.Hour))
	if err != nil || n != 0 {
		return fmt.Errorf("got %d and %v, want 0", n, err)
	}
	if h.Leftovers == nil {
		return nil
	}
	if n, err := h.Leftovers(ctx); err != nil || n != 1 {
		return fmt.Errorf("%d leftovers and %v, want the one that is there", n, err)
	}
	return nil
}
