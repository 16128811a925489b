// Package outbox is the part of a store that hands out the events of its outbox, shows
// them as people's inboxes, and hands the audit entries on.
package outbox

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/feed"
	"github.com/exportyard/exportyard/queue/sqlstore/internal/txn"
)

var (
	_ queue.OutboxStore = (*Store)(nil)
	_ queue.InboxStore  = (*Store)(nil)
	_ feed.Store        = (*Store)(nil)
)

// A Store is a store's outbox.
type Store struct{ db *txn.Database }

// New returns the outbox of the store on this database.
func New(db *txn.Database) *Store { return &Store{db: db} }

const (
	entryColumns = "id, tenant, kind, seq, job, type, actor, data_version, data, at"
	// unsettled is written as the indexes have it.
	unsettled      = "kind = 'outbox' and delivery = ''"
	selectDelivery = "select " + entryColumns + ", delivery, attempt, due_at, progress_version, progress from exportyard_entry "
)

func scanDelivery(tx *txn.Tx) func(txn.Scanner) (queue.Delivery, error) {
	return func(row txn.Scanner) (queue.Delivery, error) {
		d := queue.Delivery{Now: tx.Now}
		var due int64
		err := row.Scan(append(entryFields(&d.Entry), &d.State, &d.Attempt, &due, &d.Progress.Version, &d.Progress.Data)...)
		if due != 0 {
			d.DueAt = time.UnixMicro(due).UTC()
		}
		return d, err
	}
}

// entryFields returns where the values of entryColumns go.
func entryFields(e *queue.Entry) []any {
	return []any{&e.ID, &e.Tenant, &e.Kind, &e.Seq, &e.Job, &e.Type, &e.Actor, &e.Data.Version, &e.Data.Data, txn.ScanTime(&e.At)}
}

// due is a time as it is stored here: 0 for the zero time, which is due at once.
func due(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// ClaimOutbox gives events to a courier.
func (s *Store) ClaimOutbox(ctx context.Context, c queue.OutboxClaim) (claimed []queue.Delivery, err error) {
	if c.Limit < 1 {
		return nil, nil
	}
	err = s.db.Write(ctx, func(tx *txn.Tx) error {
		claimed, err = claim(ctx, tx, c)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("sqlstore: claim outbox: %w", err)
	}
	return claimed, nil
}

func claim(ctx context.Context, tx *txn.Tx, c queue.OutboxClaim) ([]queue.Delivery, error) {
	found, err := txn.Collect(ctx, tx, scanDelivery(tx), selectDelivery+"where "+unsettled+
		" and due_at <= $1 order by due_at, at limit $2"+tx.SkipLocked("exportyard_entry"), tx.Now.UnixMicro(), c.Limit)
	if err != nil {
		return nil, err
	}
	var claimed []queue.Delivery
	for _, was := range found {
		if !was.Claimable(tx.Now) {
			continue
		}
		d := c.Claim(was, tx.Now)
		if err := write(ctx, tx, was, d); err != nil {
			return nil, err
		}
		claimed = append(claimed, d)
	}
	return claimed, nil
}

func write(ctx context.Context, tx *txn.Tx, was, d queue.Delivery) error {
	err := tx.Change(ctx, 1, `update exportyard_entry set delivery = $1, attempt = $2, due_at = $3, progress_version = $4, progress = $5
		where id = $6 and delivery = $7 and attempt = $8`,
		d.State, d.Attempt, due(d.DueAt), d.Progress.Version, d.Progress.Data, was.Entry.ID, was.State, was.Attempt)
	if err != nil {
		return fmt.Errorf("write event %s: %w", was.Entry.ID, err)
	}
	return nil
}

// SettleOutbox ends a claim.
func (s *Store) SettleOutbox(ctx context.Context, q queue.Settle) error {
	err := s.db.Write(ctx, func(tx *txn.Tx) error {
		found, err := txn.Collect(ctx, tx, scanDelivery(tx), selectDelivery+"where id = $1 and tenant = $2 and kind = 'outbox'"+tx.ForUpdate("exportyard_entry"), q.Entry, q.Tenant)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return fmt.Errorf("event %s: %w", q.Entry, queue.ErrNotFound)
		}
		d, err := q.Apply(found[0], tx.Now)
		if err != nil {
			return err
		}
		return write(ctx, tx, found[0], d)
	})
	if err != nil {
		return fmt.Errorf("sqlstore: settle outbox: %w", err)
	}
	return nil
}

// OutboxAge returns the age of the oldest event that is not settled.
func (s *Store) OutboxAge(ctx context.Context) (age time.Duration, err error) {
	err = s.db.Read(ctx, func(tx *txn.Tx) error {
		var at time.Time
		err := tx.Row(ctx, "select at from exportyard_entry where "+unsettled+" order by at limit 1").Scan(txn.ScanTime(&at))
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		age = max(0, tx.Now.Sub(at))
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("sqlstore: outbox age: %w", err)
	}
	return age, nil
}
