package table

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/chain"
	"github.com/exportyard/exportyard/queue/feed"
	"github.com/exportyard/exportyard/queue/sqlstore/internal/txn"
)

// Counted is how far a tenant's numbers go.
type Counted struct {
	// Jobs and Entries are the numbers of the last ones.
	Jobs, Entries int64
	// Head is that of the audit log's chain.
	Head chain.Head
}

// Append appends the entries of a change, whose conditions are met. It comes after all that
// the change does to jobs.
func (tx *Tx) Append(ctx context.Context, entries []queue.Entry) error {
	return tx.AppendCounted(ctx, entries, nil)
}

// AppendCounted appends entries of which some tenants' are counted already.
func (tx *Tx) AppendCounted(ctx context.Context, entries []queue.Entry, counted map[string]Counted) error {
	byTenant := map[string][]queue.Entry{}
	for _, e := range entries {
		byTenant[e.Tenant] = append(byTenant[e.Tenant], e)
	}
	for tenant := range tx.stirred {
		byTenant[tenant] = append(byTenant[tenant], nil...)
	}
	rows := make([][]any, 0, len(entries))
	// All writers take the rows of tenants in one order, after those of jobs.
	for _, tenant := range slices.Sorted(maps.Keys(byTenant)) {
		gives, stirred := tx.stirred[tenant]
		c, ok := counted[tenant]
		if !ok {
			var err error
			if c, err = tx.Count(ctx, tenant, 0, byTenant[tenant], gives); err != nil {
				return err
			}
		}
		if stirred && !gives {
			if err := tx.rest(ctx, tenant); err != nil {
				return err
			}
		}
		linked, err := tx.link(ctx, c, byTenant[tenant])
		if err != nil {
			return err
		}
		for _, e := range linked {
			rows = append(rows, []any{
				e.ID, e.Tenant, e.Kind, e.Seq, e.Job, e.Type, e.Actor, e.Data.Version, e.Data.Data, txn.Micros(e.At),
				e.Link.Number, e.Link.Key, e.Link.MAC,
			})
		}
	}
	err := tx.Insert(ctx, `insert into exportyard_entry (id, tenant, kind, seq, job, type, actor, data_version, data, at,
		chain_number, chain_key, chain_mac) `, rows)
	if err != nil {
		return fmt.Errorf("append entries: %w", err)
	}
	return nil
}

// link gives the entries of a tenant, which are counted, their numbers, their time and
// their links, and writes the new head.
func (tx *Tx) link(ctx context.Context, c Counted, entries []queue.Entry) ([]chain.Entry, error) {
	for i := range entries {
		entries[i].Seq = c.Entries - int64(len(entries)-1-i)
		entries[i].At = tx.Now
	}
	links, head, err := tx.Keys.Extend(c.Head, entries)
	if err != nil {
		return nil, err
	}
	linked := make([]chain.Entry, len(entries))
	for i, e := range entries {
		linked[i] = chain.Entry{Entry: e, Link: links[i]}
	}
	if head.Number == c.Head.Number {
		return linked, nil
	}
	// The count has locked the row.
	err = tx.Change(ctx, 1, `update exportyard_tenant set chain_since = $1, chain_number = $2, chain_mac = $3, chain_key = $4, chain_seal = $5
		where tenant = $6`, head.Since, head.Number, head.MAC, head.Key, head.Seal, head.Tenant)
	if err != nil {
		return nil, fmt.Errorf("write the head of the audit log: %w", err)
	}
	return linked, nil
}

const headColumns = "chain_since, chain_number, chain_mac, chain_key, chain_seal"

// headFields returns where the values of headColumns go.
func headFields(head *chain.Head) []any {
	return []any{&head.Since, &head.Number, &head.MAC, &head.Key, &head.Seal}
}

// Count adds to the tenant's counters and returns what they are then; the entries are the
// tenant's own. Gives says that a job of the tenant's has something to give now. Until the
// transaction ends no other counts for this tenant, so the numbers that a tenant's rows get
// grow in the order of commits, and its chain has one head. Its feed becomes due as
// [feed.Feed.Appended] says.
func (tx *Tx) Count(ctx context.Context, tenant string, jobs int, entries []queue.Entry, gives bool) (Counted, error) {
	c := Counted{Head: chain.Head{Tenant: tenant}}
	var due feed.Feed
	if slices.ContainsFunc(entries, func(e queue.Entry) bool { return e.Kind == queue.Audit }) {
		due = due.Appended(tx.Now)
	}
	err := tx.Row(ctx, `insert into exportyard_tenant as t (tenant, jobs, entries, waiting, feed_due) values ($1, $2, $3, $4, $5)
		on conflict (tenant) do update set jobs = t.jobs + excluded.jobs, entries = t.entries + excluded.entries,
			waiting = case when excluded.waiting = 1 then 1 else t.waiting end, feed_due = coalesce(t.feed_due, excluded.feed_due)
		returning jobs, entries, `+headColumns, tenant, jobs, len(entries), Number(gives), txn.Micros(due.DueAt)).
		Scan(append([]any{&c.Jobs, &c.Entries}, headFields(&c.Head)...)...)
	if err != nil {
		return Counted{}, fmt.Errorf("count: %w", err)
	}
	return c, nil
}

const entryColumns = "id, tenant, kind, seq, job, type, actor, data_version, data, at"

// entryFields returns where the values of entryColumns go.
func entryFields(e *queue.Entry) []any {
	return []any{&e.ID, &e.Tenant, &e.Kind, &e.Seq, &e.Job, &e.Type, &e.Actor, &e.Data.Version, &e.Data.Data, txn.ScanTime(&e.At)}
}

// ofTenant selects a page of a tenant's entries of a kind.
const ofTenant = " from exportyard_entry where tenant = $1 and kind = $2 and seq > $3 order by seq limit $4"

// Entries returns at most limit of the tenant's entries of a kind, in order of their
// numbers, those above after.
func (tx *Tx) Entries(ctx context.Context, tenant string, kind queue.EntryKind, after int64, limit int) ([]queue.Entry, error) {
	scan := func(row txn.Scanner) (e queue.Entry, err error) {
		err = row.Scan(entryFields(&e)...)
		return e, err
	}
	return txn.Collect(ctx, tx.Tx, scan, "select "+entryColumns+ofTenant, tenant, kind, after, max(limit, 0))
}

// Chain returns a page of the tenant's audit entries with their links, and the head.
func (tx *Tx) Chain(ctx context.Context, tenant string, after int64, limit int) (chain.Page, error) {
	page := chain.Page{Head: chain.Head{Tenant: tenant}}
	err := tx.Row(ctx, "select "+headColumns+" from exportyard_tenant where tenant = $1", tenant).Scan(headFields(&page.Head)...)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return chain.Page{}, err
	}
	scan := func(row txn.Scanner) (e chain.Entry, err error) {
		err = row.Scan(append(entryFields(&e.Entry), &e.Link.Number, &e.Link.Key, &e.Link.MAC)...)
		return e, err
	}
	page.Entries, err = txn.Collect(ctx, tx.Tx, scan, "select "+entryColumns+", chain_number, chain_key, chain_mac"+ofTenant, tenant, queue.Audit, after, max(limit, 0))
	return page, err
}
