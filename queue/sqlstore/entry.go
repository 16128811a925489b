package sqlstore

import (
	"context"
	"fmt"
	"slices"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/sqlstore/internal/txn"
)

// append appends the entries of a change that leaves its job in state.
func (tx *transaction) append(ctx context.Context, state queue.State, entries []queue.Entry) error {
	byTenant := map[string][]queue.Entry{}
	var tenants []string
	for _, e := range queue.EntriesIn(state, entries) {
		if !slices.Contains(tenants, e.Tenant) {
			tenants = append(tenants, e.Tenant)
		}
		byTenant[e.Tenant] = append(byTenant[e.Tenant], e)
	}
	slices.Sort(tenants) // all writers take the rows of tenants in one order
	for _, tenant := range tenants {
		last, err := tx.count(ctx, "entries", tenant, len(byTenant[tenant]))
		if err != nil {
			return err
		}
		seq := last - int64(len(byTenant[tenant]))
		for _, e := range byTenant[tenant] {
			seq++
			err := tx.Exec(ctx, `insert into exportyard_entry (id, tenant, kind, seq, job, type, actor, data_version, data, at)
				values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
				e.ID, e.Tenant, e.Kind, seq, e.Job, e.Type, e.Actor, e.Data.Version, e.Data.Data, txn.Micros(tx.Now))
			if err != nil {
				return fmt.Errorf("append entry %q: %w", e.ID, err)
			}
		}
	}
	return nil
}

// count adds n to one of the tenant's counters and returns what it is then. Until
// the transaction ends no other counts for this tenant, so the numbers that a
// tenant's rows get grow in the order of commits.
func (tx *transaction) count(ctx context.Context, counter, tenant string, n int) (int64, error) {
	jobs, entries := 0, 0
	if counter == "jobs" {
		jobs = n
	} else {
		entries = n
	}
	var last int64
	err := tx.Conn.QueryRowContext(ctx, `insert into exportyard_tenant as t (tenant, jobs, entries) values ($1, $2, $3)
		on conflict (tenant) do update set jobs = t.jobs + excluded.jobs, entries = t.entries + excluded.entries
		returning `+counter, tenant, jobs, entries).Scan(&last)
	if err != nil {
		return 0, fmt.Errorf("count %s: %w", counter, err)
	}
	return last, nil
}

// Entries returns the tenant's entries of a kind.
func (s *Store) Entries(ctx context.Context, tenant string, kind queue.EntryKind, after int64, limit int) (entries []queue.Entry, err error) {
	err = s.read(ctx, func(tx *transaction) error {
		entries, err = txn.Collect(ctx, tx.Tx, scanEntry, `select id, tenant, kind, seq, job, type, actor, data_version, data, at from exportyard_entry
			where tenant = $1 and kind = $2 and seq > $3 order by seq limit $4`, tenant, kind, after, max(limit, 0))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("sqlstore: entries: %w", err)
	}
	return entries, nil
}

func scanEntry(row txn.Scanner) (queue.Entry, error) {
	var e queue.Entry
	err := row.Scan(&e.ID, &e.Tenant, &e.Kind, &e.Seq, &e.Job, &e.Type, &e.Actor, &e.Data.Version, &e.Data.Data, txn.ScanTime(&e.At))
	return e, err
}
