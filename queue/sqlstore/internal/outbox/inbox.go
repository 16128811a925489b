package outbox

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/cursor"
	"github.com/exportyard/exportyard/queue/sqlstore/internal/txn"
)

// A where collects conditions and their arguments.
type where struct {
	strings.Builder
	args []any
}

func (w *where) bind(v any) string {
	w.args = append(w.args, v)
	return "$" + strconv.Itoa(len(w.args))
}

func (w *where) bindAll(values []string) string {
	marks := make([]string, len(values))
	for i, v := range values {
		marks[i] = w.bind(v)
	}
	return "(" + strings.Join(marks, ", ") + ")"
}

// of begins with the events of a tenant and, if it is not empty, an actor.
func (w *where) of(tenant, actor string) {
	w.WriteString("where kind = 'outbox' and tenant = " + w.bind(tenant))
	if actor != "" {
		w.WriteString(" and actor = " + w.bind(actor))
	}
}

// selected returns the conditions of a query, newest first, for one event more
// than the page has to know whether there is a next one.
func selected(q queue.InboxQuery) (*where, error) {
	var w where
	w.of(q.Tenant, q.Actor)
	if q.After != "" {
		seq, err := cursor.Seq(q.Tenant, q.After)
		if err != nil {
			return nil, err
		}
		w.WriteString(" and seq < " + w.bind(seq))
	}
	if len(q.Types) > 0 {
		w.WriteString(" and type in " + w.bindAll(q.Types))
	}
	if q.Unread {
		w.WriteString(" and read_at is null")
	}
	w.WriteString(" order by seq desc limit " + w.bind(q.PageSize()+1))
	return &w, nil
}

// Inbox returns a page of the tenant's events, newest first.
func (s *Store) Inbox(ctx context.Context, q queue.InboxQuery) (events []queue.InboxEvent, next string, err error) {
	w, err := selected(q)
	if err != nil {
		return nil, "", fmt.Errorf("sqlstore: inbox: %w", err)
	}
	err = s.db.Read(ctx, func(tx *txn.Tx) error {
		events, err = txn.Collect(ctx, tx, scanEvent, "select "+entryColumns+", read_at from exportyard_entry "+w.String(), w.args...)
		return err
	})
	if err != nil {
		return nil, "", fmt.Errorf("sqlstore: inbox: %w", err)
	}
	if len(events) > q.PageSize() {
		events = events[:q.PageSize()]
		next = cursor.Make(q.Tenant, events[len(events)-1].Entry.Seq)
	}
	return events, next, nil
}

func scanEvent(row txn.Scanner) (queue.InboxEvent, error) {
	var e queue.InboxEvent
	err := row.Scan(append(entryFields(&e.Entry), txn.ScanTime(&e.ReadAt))...)
	return e, err
}

// CountUnread counts unread events.
func (s *Store) CountUnread(ctx context.Context, q queue.InboxQuery) (n int, err error) {
	q.Unread, q.After = true, ""
	w, err := selected(q)
	if err != nil {
		return 0, fmt.Errorf("sqlstore: count unread: %w", err)
	}
	err = s.db.Read(ctx, func(tx *txn.Tx) error {
		unread, err := txn.Collect(ctx, tx, scanSeq, "select seq from exportyard_entry "+w.String(), w.args...)
		n = min(len(unread), q.PageSize())
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("sqlstore: count unread: %w", err)
	}
	return n, nil
}

func scanSeq(row txn.Scanner) (seq int64, err error) {
	err = row.Scan(&seq)
	return seq, err
}

// markPage is how many events are marked in one transaction: an inbox may have any
// number, and writers wait for each other.
const markPage = 250

// MarkRead notes that events were read.
func (s *Store) MarkRead(ctx context.Context, m queue.ReadMark) (marked int, err error) {
	for after := int64(0); ; {
		n, end := 0, int64(0)
		err = s.db.Write(ctx, func(tx *txn.Tx) error {
			if n, end, err = markFrom(ctx, tx, m, after); err != nil || end < m.UpTo {
				return err
			}
			// One statement for each, since a database limits how many values one has.
			for _, id := range m.IDs {
				one, err := mark(ctx, tx, m, func(w *where) { w.WriteString(" and id = " + w.bind(id)) })
				if err != nil {
					return err
				}
				n += one
			}
			return nil
		})
		if err != nil {
			return 0, fmt.Errorf("sqlstore: mark read: %w", err)
		}
		if marked += n; end >= m.UpTo {
			return marked, nil
		}
		after = end
	}
}

// markFrom marks a page of the events after a number, and returns how far it came.
func markFrom(ctx context.Context, tx *txn.Tx, m queue.ReadMark, after int64) (marked int, end int64, err error) {
	if m.UpTo <= after {
		return 0, after, nil
	}
	var w where
	w.of(m.Tenant, m.Actor)
	w.WriteString(" and read_at is null and seq > " + w.bind(after) + " and seq <= " + w.bind(m.UpTo) + " order by seq limit " + w.bind(markPage))
	page, err := txn.Collect(ctx, tx, scanSeq, "select seq from exportyard_entry "+w.String(), w.args...)
	if err != nil || len(page) == 0 {
		return 0, m.UpTo, err
	}
	end = m.UpTo
	if len(page) == markPage {
		end = page[len(page)-1]
	}
	marked, err = mark(ctx, tx, m, func(w *where) {
		w.WriteString(" and seq > " + w.bind(after) + " and seq <= " + w.bind(end))
	})
	return marked, end, err
}

// mark notes that the unread ones of the events for which the condition holds were read.
func mark(ctx context.Context, tx *txn.Tx, m queue.ReadMark, condition func(*where)) (int, error) {
	var w where
	w.WriteString("update exportyard_entry set read_at = " + w.bind(tx.Now.UnixMicro()) + " ")
	w.of(m.Tenant, m.Actor)
	w.WriteString(" and read_at is null")
	condition(&w)
	w.WriteString(" returning seq")
	marked, err := txn.Collect(ctx, tx, scanSeq, w.String(), w.args...)
	return len(marked), err
}
