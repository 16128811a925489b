// Package sinktest holds the rules of package sink as tests, for whoever writes
// a sink.
//
// An adapter's own test is a few lines:
//
//	func TestConformance(t *testing.T) {
//		sinktest.Run(t, func(t *testing.T) sinktest.Harness {
//			s, err := mysink.New(t.TempDir(), nil)
//			if err != nil {
//				t.Fatal(err)
//			}
//			return sinktest.Harness{Sink: s}
//		})
//	}
//
// Each rule is a subtest of its own on an empty sink of its own, and prints the
// sentence that was broken. Rules that need to see or make leftovers run where
// the harness gives the means.
package sinktest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/exportyard/exportyard/sink"
)

// A Harness is an empty sink and what the rules may know about it.
type Harness struct {
	// Sink is under test. Nothing else uses it.
	Sink sink.Sink
	// Leftovers counts what unfinished writers hold in the store: temporary
	// files, open multipart uploads. Default: nil, leftovers are not looked for.
	Leftovers func(ctx context.Context) (int, error)
	// Abandon leaves in the store what a process leaves that is killed while it
	// writes key. Default: nil, such a process leaves nothing.
	Abandon func(ctx context.Context, key string) error
	// Large is the size in bytes of the largest object, which should be more
	// than one part of an upload in parts. Default: 5 MiB and 1 byte.
	Large int
	// Part is how many bytes the sink hands on at once, where it does so in
	// parts. Default: 64 KiB.
	Part int
	// Many is how many objects are listed at once, which should be more than a
	// page of the store. Default: 1,200, and 120 with -short.
	Many int
}

// Run checks every rule. newHarness is called once for each.
func Run(t *testing.T, newHarness func(t *testing.T) Harness) {
	t.Helper()
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t)
			if h.Many == 0 && testing.Short() {
				h.Many = 120
			}
			if err := r.verify(t.Context(), h); err != nil {
				t.Errorf("%s\n%v", r.text, err)
			}
		})
	}
}

// A rule is one promise of the contract and the check that it is kept.
type rule struct {
	name  string
	text  string
	check func(ctx context.Context, h Harness) error
}

// verify fills in what the harness leaves open and checks the rule.
func (r rule) verify(ctx context.Context, h Harness) error {
	if h.Sink == nil {
		return errors.New("the harness has no sink")
	}
	if h.Large == 0 {
		h.Large = 5<<20 + 1
	}
	if h.Part == 0 {
		h.Part = 64 << 10
	}
	if h.Many == 0 {
		h.Many = 1200
	}
	return r.check(ctx, h)
}

var rules = []rule{
	{"invisible", "Nothing is visible under a key before Commit.", invisible},
	{"whole", "A committed object is listed with its size and reads back byte for byte.", whole},
	{"takes_all", "Write takes all of p and leaves p as it is.", takesAll},
	{"keeps_no_reference", "A writer keeps no reference to p.", keepsNoReference},
	{"empty_object", "An object without a byte is an object.", emptyObject},
	{"any_options", "Options describe an object and never change its bytes, even when the size was guessed wrong.", anyOptions},
	{"commit_leaves_nothing_over", "Commit leaves nothing in the store but the object.", commitLeavesNothingOver},
	{"abort", "Abort leaves no object and nothing over, however much was written.", abort},
	{"abort_after_commit", "Abort after Commit does nothing and returns nil.", abortAfterCommit},
	{"abort_twice", "A second Abort does nothing and returns nil.", abortTwice},
	{"write_after_commit", "Write after Commit fails and changes nothing.", writeAfterCommit},
	{"write_after_abort", "Write after Abort fails.", writeAfterAbort},
	{"commit_after_abort", "Commit after Abort fails and makes nothing visible.", commitAfterAbort},
	{"canceled_write", "Write fails once the writer's context is canceled.", canceledWrite},
	{"canceled_commit", "Commit fails once the writer's context is canceled, and makes nothing visible.", canceledCommit},
	{"canceled_abort", "Abort does its work when the writer's context is canceled already.", canceledAbort},
	{"interrupted", "A transfer that ends early, for whatever reason and wherever, leaves no object and nothing over.", interrupted},
	{"existing_key", "A new object under a key that is taken gives ErrExists at Create or Commit; the old one stays.", existingKey},
	{"one_winner", "Of several writers of one key exactly one wins, the others get ErrExists.", oneWinner},
	{"many_writers", "Writers of different keys do not disturb each other.", manyWriters},
	{"never_partial", "Whoever lists and opens while objects are committed gets each whole or not at all.", neverPartial},
	{"invalid_key", "Create, Open and Delete refuse a key that is not valid with ErrKey.", invalidKey},
	{"not_found", "Open gives ErrNotFound when there is no object under the key.", notFound},
	{"range", "Open reads from offset on, length bytes or to the end; from the end on there is nothing.", ranges},
	{"describes_whole", "Object describes the whole object, whatever range is read.", describesWhole},
	{"list_order", "List gives objects in ascending order of their keys, byte by byte.", listOrder},
	{"list_prefix", "List gives the objects whose keys begin with prefix and no others.", listPrefix},
	{"list_all", "Every object that was committed before List was called is in it, once.", listAll},
	{"list_break", "List ends when its caller wants no more.", listBreak},
	{"list_canceled", "List gives an error, not an end, when its context is canceled.", listCanceled},
	{"delete", "Delete removes the object and no other.", deletes},
	{"delete_again", "Deleting what is not there is no error.", deleteAgain},
	{"abandoned", "What a killed process leaves is no object.", abandoned},
	{"clean", "Clean removes leftovers under its prefix and counts them; objects stay.", clean},
	{"clean_spares_young", "Clean spares leftovers that are younger than the given time.", cleanSparesYoung},
}

// content returns size bytes that differ for different seeds and positions.
func content(seed, size int) []byte {
	b := make([]byte, size)
	// It never fails.
	_, _ = rand.NewChaCha8([32]byte(fmt.Appendf(nil, "%032d", seed))).Read(b)
	return b
}

// sizes are those at which sinks tend to change their ways.
func sizes(h Harness) []int { return []int{0, 1, h.Part, h.Large} }

// put commits an object.
func put(ctx context.Context, s sink.Sink, key string, data []byte) error {
	w, err := s.Create(ctx, key, nil)
	if err != nil {
		return fmt.Errorf("create %q: %w", key, err)
	}
	if err := write(w, data); err != nil {
		return errors.Join(err, w.Abort())
	}
	if err := w.Commit(); err != nil {
		return fmt.Errorf("commit %q: %w", key, err)
	}
	return nil
}

// write hands data over in pieces of an odd size.
func write(w io.Writer, data []byte) error {
	const piece = 40_961
	for len(data) > 0 {
		n := min(piece, len(data))
		if _, err := w.Write(data[:n]); err != nil {
			return fmt.Errorf("write: %w", err)
		}
		data = data[n:]
	}
	return nil
}

// read returns a range of an object and the object.
func read(ctx context.Context, s sink.Sink, key string, offset, length int64) ([]byte, sink.Object, error) {
	r, err := s.Open(ctx, key, offset, length)
	if err != nil {
		return nil, sink.Object{}, fmt.Errorf("open %q from %d on, %d bytes: %w", key, offset, length, err)
	}
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, sink.Object{}, errors.Join(fmt.Errorf("read %q: %w", key, err), r.Close())
	}
	return data, r.Object(), r.Close()
}

// list returns what is under prefix.
func list(ctx context.Context, s sink.Sink, prefix string) ([]sink.Object, error) {
	var found []sink.Object
	for obj, err := range s.List(ctx, prefix) {
		if err != nil {
			return found, fmt.Errorf("list %q: %w", prefix, err)
		}
		found = append(found, obj)
	}
	return found, nil
}

// absent says with an error that key can be seen.
func absent(ctx context.Context, s sink.Sink, key string) error {
	r, err := s.Open(ctx, key, 0, -1)
	if err == nil {
		return errors.Join(fmt.Errorf("%q can be opened", key), r.Close())
	}
	if !errors.Is(err, sink.ErrNotFound) {
		return fmt.Errorf("open %q: got %w, want ErrNotFound", key, err)
	}
	found, err := list(ctx, s, "")
	for _, obj := range found {
		if obj.Key == key {
			return fmt.Errorf("%q is listed", key)
		}
	}
	return err
}

// present says with an error that key cannot be seen as data.
func present(ctx context.Context, s sink.Sink, key string, data []byte) error {
	got, obj, err := read(ctx, s, key, 0, -1)
	if err != nil {
		return err
	}
	if string(got) != string(data) {
		return fmt.Errorf("%q reads as %d bytes that are not the %d written", key, len(got), len(data))
	}
	found, err := list(ctx, s, key)
	if err != nil {
		return err
	}
	if len(found) == 0 || found[0].Key != key {
		return fmt.Errorf("%q is not listed", key)
	}
	if found[0].Size != int64(len(data)) || obj.Size != int64(len(data)) {
		return fmt.Errorf("%q has %d bytes, is listed with %d and opened with %d", key, len(data), found[0].Size, obj.Size)
	}
	return nil
}

// nothingOver says with an error that the store holds leftovers.
func nothingOver(ctx context.Context, h Harness) error {
	if h.Leftovers == nil {
		return nil
	}
	n, err := h.Leftovers(ctx)
	if err == nil && n > 0 {
		err = fmt.Errorf("%d leftovers are in the store", n)
	}
	return err
}
