package chain

import (
	"context"
	"crypto/hmac"
	"fmt"
	"iter"

	"github.com/exportyard/exportyard/queue"
)

// A Reader gives a store's audit entries back with their links.
type Reader interface {
	// AuditChain returns at most limit of the tenant's audit entries in order of Seq,
	// those above after, and the head as it was at the same moment.
	AuditChain(ctx context.Context, tenant string, after int64, limit int) (Page, error)
}

// A Page is a piece of a tenant's log.
type Page struct {
	Entries []Entry
	Head    Head
}

// An Entry is an audit entry with its link.
type Entry struct {
	queue.Entry
	Link Link
}

// A Store is a [queue.JobStore] that keeps chains.
type Store interface {
	Reader
	// VerifyAudit proves the tenant's log with the store's own keys, by [Keys.Verify].
	VerifyAudit(ctx context.Context, tenant string, known ...Head) (Head, error)
}

// VerifyAudit proves a tenant's log if the store is a [Store], and else returns an error
// that wraps [ErrNoKeys].
func VerifyAudit(ctx context.Context, store queue.JobStore, tenant string, known ...Head) (Head, error) {
	s, ok := store.(Store)
	if !ok {
		return Head{}, fmt.Errorf("chain: %T keeps no chain: %w", store, ErrNoKeys)
	}
	return s.VerifyAudit(ctx, tenant, known...)
}

// pageSize is how many entries are in memory at a time.
const pageSize = 500

// Verify proves that a tenant's log is as it was written and returns its head, whose
// number is how many entries were proved. Known are heads of the tenant that were kept
// elsewhere: each must still be in the chain. Entries may be appended meanwhile. A log
// without a chain has a head with the number 0, which is no error unless a head of it is
// known.
//
// Verify returns a [*BrokenError] for a log that was altered, an error that wraps
// [ErrNoKeys] for nil keys, and the reader's own. Memory does not grow with the log.
func (k *Keys) Verify(ctx context.Context, log Reader, tenant string, known ...Head) (Head, error) {
	if k == nil {
		return Head{}, fmt.Errorf("chain: verify the audit log of tenant %q: %w", tenant, ErrNoKeys)
	}
	w := &walk{keys: k, log: log, tenant: tenant, goals: append([]Head{{}}, known...)}
	for _, head := range known {
		if head.Tenant != tenant || !k.sealed(head) {
			return Head{}, w.unsealed(head)
		}
	}
	for e, err := range w.from(ctx, 0) {
		if err != nil {
			return Head{}, err
		}
		if err := w.step(ctx, e); err != nil {
			return Head{}, err
		}
	}
	return w.end()
}

// sealed reports whether a head is one that was written.
func (k *Keys) sealed(head Head) bool {
	by, ok := k.find(head.Key)
	return ok && hmac.Equal(by.seal(head), head.Seal)
}

// A walk goes along one chain.
type walk struct {
	keys   *Keys
	log    Reader
	tenant string
	goals  []Head // the store's head, and those that are known
	head   Head   // as the store has it
	at     Head   // as far as it was proved; it needs no seal
}

// from reads the entries above a number, and the head that belongs to them.
func (w *walk) from(ctx context.Context, after int64) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for {
			page, err := w.log.AuditChain(ctx, w.tenant, after, pageSize)
			if err == nil {
				err = w.newHead(page)
			}
			if err != nil {
				yield(Entry{}, err)
				return
			}
			for _, e := range page.Entries {
				if after = e.Seq; !yield(e, nil) {
					return
				}
			}
			if len(page.Entries) < pageSize {
				return
			}
		}
	}
}

// newHead judges the head that came with a page.
func (w *walk) newHead(page Page) error {
	w.head = page.Head
	w.head.Tenant = w.tenant
	if w.at.Number == 0 {
		w.at = Head{Tenant: w.tenant, Since: w.head.Since}
	}
	if w.head.Since != w.at.Since || w.head.Number > 0 && !w.keys.sealed(w.head) {
		return w.unsealed(w.head)
	}
	return nil
}

// unsealed says that a head is not one that was written.
func (w *walk) unsealed(head Head) error {
	return w.withKey(head.Key, w.broken(Unanchored, head.Number, Entry{}))
}

// withKey adds to an error that it may be for want of a key.
func (w *walk) withKey(id string, err error) error {
	if _, ok := w.keys.find(id); !ok {
		return fmt.Errorf("%w: made with key %q: %w", err, id, ErrUnknownKey)
	}
	return err
}

// step proves one entry.
func (w *walk) step(ctx context.Context, e Entry) error {
	early := w.head.Number == 0 || e.Seq <= w.head.Since
	if e.Link.Number == 0 && w.at.Number == 0 && early {
		return nil // from before the chain
	}
	next := w.at.Number + 1
	switch {
	case e.Link.Number != next || !w.follows(w.at, e):
		return w.diagnose(ctx, e)
	case next > w.head.Number:
		return w.broken(Unanchored, next, e)
	}
	w.at.Number, w.at.MAC = next, e.Link.MAC
	for _, head := range w.anchors() {
		if head.Number == next && !hmac.Equal(head.MAC, w.at.MAC) {
			return w.broken(Edited, next, e)
		}
	}
	return nil
}

// anchors are the heads that the chain must go through.
func (w *walk) anchors() []Head {
	w.goals[0] = w.head
	return w.goals
}

// follows reports whether an entry was written after what the head stands for, whatever
// number its link claims.
func (w *walk) follows(head Head, e Entry) bool {
	by, ok := w.keys.find(e.Link.Key)
	return ok && hmac.Equal(by.link(head, e.Entry), e.Link.MAC)
}

// end judges the end of a log without a fault so far.
func (w *walk) end() (Head, error) {
	for _, head := range w.anchors() {
		if head.Number > w.at.Number {
			return Head{}, w.broken(Cut, w.at.Number+1, Entry{})
		}
	}
	return w.head, nil
}

// diagnose says what is wrong with an entry that is not the next of the chain, by what
// comes after it.
func (w *walk) diagnose(ctx context.Context, e Entry) error {
	next := w.at.Number + 1
	if w.follows(w.at, e) { // but for its number
		return w.broken(Edited, next, e)
	}
	var after Entry // the entry after this one
	later := false  // the one that should stand here comes later
	for x, err := range w.from(ctx, e.Seq) {
		if err != nil {
			return err
		}
		if after.ID == "" {
			after = x
		}
		if later = x.Link.Number == next || w.follows(w.at, x); later {
			break
		}
	}
	was := w.at
	was.Number, was.MAC = next, e.Link.MAC
	switch {
	case e.Link.Number == next && w.follows(was, after):
		return w.broken(Edited, next, e) // its own hash is what the next one goes on from
	case later && e.Link.Number > next:
		return w.broken(OutOfOrder, next, e)
	case later:
		return w.broken(Inserted, next, e)
	case e.Link.Number > next:
		return w.broken(Missing, next, Entry{})
	case e.Link.Number == next:
		return w.withKey(e.Link.Key, w.broken(Edited, next, e))
	case after.Link.Number == next+1:
		return w.broken(Edited, next, e)
	default:
		return w.broken(Inserted, next, e)
	}
}

func (w *walk) broken(f Fault, number int64, e Entry) error {
	return &BrokenError{Tenant: w.tenant, Fault: f, Number: number, Seq: e.Seq, Entry: e.ID}
}
