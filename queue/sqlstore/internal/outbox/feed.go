package outbox

import (
	"context"
	"fmt"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/feed"
	"github.com/exportyard/exportyard/queue/sqlstore/internal/txn"
)

const selectFeed = "select tenant, feed_taken, feed_attempt, feed_due from exportyard_tenant "

func scanFeed(row txn.Scanner) (f feed.Feed, err error) {
	err = row.Scan(&f.Tenant, &f.Taken, &f.Attempt, txn.ScanTime(&f.DueAt))
	return f, err
}

// ClaimFeed gives a tenant's next audit entries.
func (s *Store) ClaimFeed(ctx context.Context, c feed.Claim) (given feed.Given, ok bool, err error) {
	err = s.db.Write(ctx, func(tx *txn.Tx) error {
		given, ok, err = claimFeed(ctx, tx, c)
		return err
	})
	if err != nil {
		return feed.Given{}, false, fmt.Errorf("sqlstore: claim feed: %w", err)
	}
	return given, ok, nil
}

func claimFeed(ctx context.Context, tx *txn.Tx, c feed.Claim) (given feed.Given, ok bool, err error) {
	found, err := txn.Collect(ctx, tx, scanFeed, selectFeed+"where feed_due <= $1 order by feed_due limit 1"+tx.SkipLocked("exportyard_tenant"), txn.Micros(tx.Now))
	if err != nil || len(found) == 0 || !found[0].Claimable(tx.Now) {
		return feed.Given{}, false, err
	}
	given.Feed = c.Claim(found[0], tx.Now)
	given.Entries, err = txn.Collect(ctx, tx, scanEntry, "select "+entryColumns+" from exportyard_entry where tenant = $1 and kind = 'audit' and seq > $2 order by seq limit $3",
		given.Tenant, given.Taken, c.Entries())
	if err != nil {
		return feed.Given{}, false, err
	}
	return given, true, writeFeed(ctx, tx, given.Feed)
}

func scanEntry(row txn.Scanner) (e queue.Entry, err error) {
	err = row.Scan(entryFields(&e)...)
	return e, err
}

func writeFeed(ctx context.Context, tx *txn.Tx, f feed.Feed) error {
	// The row is locked.
	err := tx.Change(ctx, 1, "update exportyard_tenant set feed_taken = $1, feed_attempt = $2, feed_due = $3 where tenant = $4",
		f.Taken, f.Attempt, txn.Micros(f.DueAt), f.Tenant)
	if err != nil {
		return fmt.Errorf("write the feed of a tenant: %w", err)
	}
	return nil
}

// SettleFeed ends a claim.
func (s *Store) SettleFeed(ctx context.Context, q feed.Settle) error {
	err := s.db.Write(ctx, func(tx *txn.Tx) error { return settleFeed(ctx, tx, q) })
	if err != nil {
		return fmt.Errorf("sqlstore: settle feed: %w", err)
	}
	return nil
}

func settleFeed(ctx context.Context, tx *txn.Tx, q feed.Settle) error {
	// A tenant without a row is one whose feed was never claimed.
	found, err := txn.Collect(ctx, tx, scanFeed, selectFeed+"where tenant = $1"+tx.ForUpdate("exportyard_tenant"), q.Tenant)
	if err != nil {
		return err
	}
	found = append(found, feed.Feed{Tenant: q.Tenant})
	// Whoever appends locks the tenant's row, so nobody does before this ends.
	last, err := txn.Collect(ctx, tx, scanSeq, "select seq from exportyard_entry where tenant = $1 and kind = 'audit' order by seq desc limit 1", q.Tenant)
	if err != nil {
		return err
	}
	f, err := q.Apply(found[0], append(last, 0)[0], tx.Now)
	if err != nil {
		return err
	}
	return writeFeed(ctx, tx, f)
}
