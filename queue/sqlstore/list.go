package sqlstore

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/cursor"
	"github.com/exportyard/exportyard/queue/sqlstore/internal/table"
	"github.com/exportyard/exportyard/queue/sqlstore/internal/txn"
)

// List returns a page of the tenant's jobs, newest first. It reads no more than the
// page of each state that it asks for; with a filter by several things it reads all
// that one of them lets pass.
func (s *Store) List(ctx context.Context, q queue.ListQuery) (jobs []queue.Job, next string, err error) {
	var before int64
	if q.After != "" {
		if before, err = cursor.Seq(q.Tenant, q.After); err != nil {
			return nil, "", fmt.Errorf("sqlstore: list: %w", err)
		}
	}
	err = s.read(ctx, func(tx *table.Tx) error {
		found, err := listPage(ctx, tx, q, before)
		if err != nil {
			return err
		}
		if len(found) > q.PageSize() {
			found = found[:q.PageSize()]
			next = cursor.Make(q.Tenant, found[len(found)-1].Seq)
		}
		for _, j := range found {
			jobs = append(jobs, j.Job)
		}
		return nil
	})
	if err != nil {
		return nil, "", fmt.Errorf("sqlstore: list: %w", err)
	}
	return jobs, next, nil
}

// everyState is asked for one by one: an index over all of them would tempt a database
// to go through a million jobs in one state in search of a page in another.
var everyState = []queue.State{queue.Pending, queue.Running, queue.Completed, queue.Failed, queue.Canceled, queue.Expired}

// listPage returns a page and one job more, if there is one, to know of a next page.
func listPage(ctx context.Context, tx *table.Tx, q queue.ListQuery, before int64) ([]table.Job, error) {
	states := slices.Compact(slices.Sorted(slices.Values(q.States)))
	switch {
	case len(states) > 0:
	case q.Kind != "" || q.Actor != "":
		states = []queue.State{""} // these have an order of their own
	default:
		states = everyState
	}
	var found []table.Job
	for _, state := range states {
		where, args := listed(q, state, before)
		page, err := txn.Collect(ctx, tx.Tx, tx.ScanJob, table.SelectJob+where, args...)
		if err != nil {
			return nil, err
		}
		found = append(found, page...)
	}
	slices.SortFunc(found, func(a, b table.Job) int { return cmp.Compare(b.Seq, a.Seq) })
	return found[:min(len(found), q.PageSize()+1)], nil
}

// listed returns the conditions of a list of jobs in a state, in every state when it
// is empty, before a number, or all when that is 0.
func listed(q queue.ListQuery, state queue.State, before int64) (where string, args []any) {
	var b strings.Builder
	bind := func(v any) string {
		args = append(args, v)
		return "$" + strconv.Itoa(len(args))
	}
	b.WriteString("where j.tenant = " + bind(q.Tenant))
	if before != 0 {
		b.WriteString(" and j.seq < " + bind(before))
	}
	if state != "" {
		b.WriteString(" and j.state = " + bind(string(state)))
	}
	if q.Kind != "" {
		b.WriteString(" and j.kind = " + bind(q.Kind))
	}
	if q.Actor != "" {
		b.WriteString(" and j.actor = " + bind(q.Actor))
	}
	b.WriteString(" order by j.seq desc limit " + bind(q.PageSize()+1))
	return b.String(), args
}
