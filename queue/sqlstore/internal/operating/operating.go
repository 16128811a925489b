// Package operating is the part of a store that is asked over all tenants.
package operating

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/exportyard/exportyard/queue/cursor"
	"github.com/exportyard/exportyard/queue/operator"
	"github.com/exportyard/exportyard/queue/sqlstore/internal/table"
	"github.com/exportyard/exportyard/queue/sqlstore/internal/txn"
)

var (
	_ operator.Store   = (*Store)(nil)
	_ operator.Checker = (*Store)(nil)
)

// A Store is a store as an operator sees it.
type Store struct {
	db     *txn.Database
	tables func(*txn.Tx) *table.Tx
}

// New returns what an operator sees of the store on this database. Its transactions are
// on the tables that tables gives them.
func New(db *txn.Database, tables func(*txn.Tx) *table.Tx) *Store {
	return &Store{db: db, tables: tables}
}

// A row is an active job with its place in a list.
type row struct {
	operator.Job
	ord int64
}

// selections find the jobs in a trouble by the index that is made for it, behind a place
// in the list. [operator.Query.Selects] judges.
var selections = map[operator.Trouble]func(q operator.Query, now time.Time, since, ord int64) (where string, args []any){
	"": func(_ operator.Query, _ time.Time, _, ord int64) (string, []any) {
		return "j.ord > $1 order by j.ord", []any{ord}
	},
	operator.Late: func(q operator.Query, now time.Time, since, ord int64) (string, []any) {
		return "j.deadline_at is not null and j.deadline_at <= $1 and (j.deadline_at, j.ord) > ($2, $3) order by j.deadline_at, j.ord",
			[]any{txn.Micros(q.Until(now)), since, ord}
	},
	operator.Idle: func(q operator.Query, now time.Time, since, ord int64) (string, []any) {
		return "j.ready = 1 and j.claimed_at <= $1 and (j.claimed_at, j.ord) > ($2, $3) order by j.claimed_at, j.ord",
			[]any{txn.Micros(q.Until(now)), since, ord}
	},
	// Suspects are few, so all are looked at.
	operator.Suspect: func(_ operator.Query, _ time.Time, _, ord int64) (string, []any) {
		return "j.ord > $1 and j.ord in (select p.job from exportyard_part p where p.state = 'ready' and p.suspect = 1) order by j.ord", []any{ord}
	},
}

// ActiveJobs returns a page of the active jobs of all tenants.
func (s *Store) ActiveJobs(ctx context.Context, q operator.Query) (jobs []operator.Job, next string, err error) {
	selection, ok := selections[q.Only]
	if !ok {
		return nil, "", nil
	}
	list, after := "operator "+string(q.Only), []int64{math.MinInt64, math.MinInt64}
	if q.After != "" {
		if after, err = cursor.Parse(list, q.After, 2); err != nil {
			return nil, "", fmt.Errorf("sqlstore: active jobs: %w", err)
		}
	}
	err = s.db.Read(ctx, func(tx *txn.Tx) error {
		where, args := selection(q, tx.Now, after[0], after[1])
		found, err := txn.Collect(ctx, tx, scan(s.tables(tx)),
			selectRow+" and "+where+fmt.Sprintf(" limit $%d", len(args)+1), append(args, q.PageSize()+1)...)
		if err != nil {
			return err
		}
		if len(found) > q.PageSize() {
			found = found[:q.PageSize()]
			last := found[len(found)-1]
			next = cursor.Make(list, q.Since(last.Job).UnixMicro(), last.ord)
		}
		for _, r := range found {
			if q.Selects(r.Job, tx.Now) {
				jobs = append(jobs, r.Job)
			}
		}
		return nil
	})
	if err != nil {
		return nil, "", fmt.Errorf("sqlstore: active jobs: %w", err)
	}
	return jobs, next, nil
}

const selectRow = "select " + table.JobColumns + `, coalesce(j.claimed_at, j.created_at),
	case when exists (select 1 from exportyard_part p where p.job = j.ord and p.state = 'ready' and p.suspect = 1) then 1 else 0 end
	from exportyard_job j where j.state in ` + table.ActiveStates

func scan(tx *table.Tx) func(txn.Scanner) (row, error) {
	return func(from txn.Scanner) (row, error) {
		var r row
		j, err := tx.ScanJobAnd(from, txn.ScanTime(&r.ClaimedAt), &r.Suspect)
		r.Job.Job, r.Waits, r.ord = j.Job, j.Ready, j.Ord
		return r, err
	}
}

// Check returns an error that wraps [operator.ErrUnfit] when the tables are of another
// version than this code needs.
func (s *Store) Check(ctx context.Context) error {
	if err := s.db.Check(ctx); err != nil {
		return fmt.Errorf("sqlstore: check: %w", err)
	}
	return nil
}

// Gauges returns how the store is. Each of its questions is answered by an index, in its
// order.
func (s *Store) Gauges(ctx context.Context, most int) (g operator.Gauges, err error) {
	most = max(most, 0)
	err = s.db.Read(ctx, func(tx *txn.Tx) error {
		g = operator.Gauges{Now: tx.Now}
		for _, age := range []struct {
			to    *time.Duration
			query string
		}{
			{&g.LeaseOver, "select lease_until from exportyard_part where state = 'leased' order by lease_until limit 1"},
			{&g.PendingAge, "select created_at from exportyard_job where state = 'pending' order by created_at limit 1"},
		} {
			var at time.Time
			err := tx.Row(ctx, age.query).Scan(txn.ScanTime(&at))
			if errors.Is(err, sql.ErrNoRows) {
				continue
			}
			if err != nil {
				return err
			}
			*age.to = max(0, tx.Now.Sub(at))
		}
		for _, count := range []struct {
			to   *int
			from string
		}{
			{&g.Active, "exportyard_job where state in " + table.ActiveStates + " order by ord"},
			{&g.Ready, "exportyard_part where state = 'ready' order by job, suspect, number"},
			{&g.Leased, "exportyard_part where state = 'leased' order by lease_until"},
		} {
			err := tx.Row(ctx, "select count(*) from (select 1 from "+count.from+" limit $1) as counted", most).Scan(count.to)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return operator.Gauges{}, fmt.Errorf("sqlstore: gauges: %w", err)
	}
	return g, nil
}
