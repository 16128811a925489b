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

// MarkRead notes that events were read.
func (s *Store) MarkRead(ctx context.Context, m queue.ReadMark) (marked int, err error) {
	err = s.db.Write(ctx, func(tx *txn.Tx) error {
		marked = 0
		if m.UpTo > 0 {
			n, err := mark(ctx, tx, m, "seq <= ", m.UpTo)
			if err != nil {
				return err
			}
			marked += n
		}
		// One statement for each, since a database limits how many values one has.
		for _, id := range m.IDs {
			n, err := mark(ctx, tx, m, "id = ", id)
			if err != nil {
				return err
			}
			marked += n
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("sqlstore: mark read: %w", err)
	}
	return marked, nil
}

// mark notes that the unread ones of the events for which the condition holds were read.
func mark(ctx context.Context, tx *txn.Tx, m queue.ReadMark, condition string, value any) (int, error) {
	var w where
	w.WriteString("update exportyard_entry set read_at = " + w.bind(tx.Now.UnixMicro()) + " ")
	w.of(m.Tenant, m.Actor)
	w.WriteString(" and read_at is null and " + condition + w.bind(value) + " returning seq")
	marked, err := txn.Collect(ctx, tx, scanSeq, w.String(), w.args...)
	return len(marked), err
}
