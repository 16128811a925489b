package table

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/sqlstore/internal/txn"
)

// Append appends the entries of a change, whose conditions are met.
func (tx *Tx) Append(ctx context.Context, entries []queue.Entry) error {
	return tx.AppendCounted(ctx, entries, nil)
}

// AppendCounted appends entries of which some tenants' are counted already: counted
// says up to which number.
func (tx *Tx) AppendCounted(ctx context.Context, entries []queue.Entry, counted map[string]int64) error {
	byTenant := map[string][]queue.Entry{}
	for _, e := range entries {
		byTenant[e.Tenant] = append(byTenant[e.Tenant], e)
	}
	rows := make([][]any, 0, len(entries))
	// All writers take the rows of tenants in one order.
	for _, tenant := range slices.Sorted(maps.Keys(byTenant)) {
		last, ok := counted[tenant]
		if !ok {
			var err error
			if _, last, err = tx.Count(ctx, tenant, 0, len(byTenant[tenant])); err != nil {
				return err
			}
		}
		seq := last - int64(len(byTenant[tenant]))
		for _, e := range byTenant[tenant] {
			seq++
			rows = append(rows, []any{e.ID, e.Tenant, e.Kind, seq, e.Job, e.Type, e.Actor, e.Data.Version, e.Data.Data, txn.Micros(tx.Now)})
		}
	}
	err := tx.Insert(ctx, "insert into exportyard_entry (id, tenant, kind, seq, job, type, actor, data_version, data, at) ", rows)
	if err != nil {
		return fmt.Errorf("append entries: %w", err)
	}
	return nil
}

// Count adds to the tenant's counters and returns what they are then. Until the
// transaction ends no other counts for this tenant, so the numbers that a tenant's
// rows get grow in the order of commits.
func (tx *Tx) Count(ctx context.Context, tenant string, jobs, entries int) (lastJob, lastEntry int64, err error) {
	err = tx.Row(ctx, `insert into exportyard_tenant as t (tenant, jobs, entries) values ($1, $2, $3)
		on conflict (tenant) do update set jobs = t.jobs + excluded.jobs, entries = t.entries + excluded.entries
		returning jobs, entries`, tenant, jobs, entries).Scan(&lastJob, &lastEntry)
	if err != nil {
		return 0, 0, fmt.Errorf("count: %w", err)
	}
	return lastJob, lastEntry, nil
}

// Entries returns at most limit of the tenant's entries of a kind, in order of their
// numbers, those above after.
func (tx *Tx) Entries(ctx context.Context, tenant string, kind queue.EntryKind, after int64, limit int) ([]queue.Entry, error) {
	return txn.Collect(ctx, tx.Tx, scanEntry, `select id, tenant, kind, seq, job, type, actor, data_version, data, at from exportyard_entry
		where tenant = $1 and kind = $2 and seq > $3 order by seq limit $4`, tenant, kind, after, max(limit, 0))
}

func scanEntry(row txn.Scanner) (queue.Entry, error) {
	var e queue.Entry
	err := row.Scan(&e.ID, &e.Tenant, &e.Kind, &e.Seq, &e.Job, &e.Type, &e.Actor, &e.Data.Version, &e.Data.Data, txn.ScanTime(&e.At))
	return e, err
}
