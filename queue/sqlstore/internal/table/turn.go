package table

import (
	"context"
	"fmt"
)

// hasWork is what the column waiting of a tenant becomes: whether a claim looks at it. It
// is a scalar select, so that no database answers it by going through all jobs first.
const hasWork = "(select 1 from exportyard_job j where j.tenant = exportyard_tenant.tenant and j.state in " + ActiveStates + " and j.ready = 1 limit 1) is not null"

// gives reports whether a claim may find something at the job.
func (j Job) gives() bool { return j.Ready && j.State.Active() }

// stir notes that a job of the tenant has something to give now, or has no longer. What
// that makes of the tenant is written with the entries.
func (tx *Tx) stir(tenant string, gives bool) {
	if tx.stirred == nil {
		tx.stirred = map[string]bool{}
	}
	tx.stirred[tenant] = tx.stirred[tenant] || gives
}

// rest notes that the tenant waits no longer, if so it is. The transaction holds the
// tenant's row, and whoever has something to give takes it before he commits: so the jobs
// are all seen, in a statement of its own.
func (tx *Tx) rest(ctx context.Context, tenant string) error {
	err := tx.Exec(ctx, "update exportyard_tenant set waiting = 0 where tenant = $1 and waiting = 1 and not ("+hasWork+")", tenant)
	if err != nil {
		return fmt.Errorf("write tenant: %w", err)
	}
	return nil
}

// LockTenant waits for the tenant's row. The transaction holds the jobs that it changes
// already, and never waits for one when it holds a tenant.
func (tx *Tx) LockTenant(ctx context.Context, tenant string) error {
	if !tx.RowLocks() {
		return nil
	}
	return tx.Exec(ctx, "select 1 from exportyard_tenant t where t.tenant = $1"+tx.ForUpdate("t"), tenant)
}

// Turn returns the number of the last claim.
func (tx *Tx) Turn(ctx context.Context) (turn int64, err error) {
	err = tx.Row(ctx, "select coalesce(max(claimed), 0) from exportyard_tenant").Scan(&turn)
	return turn, err
}

// UpdateTurns notes the numbers of the last claims of tenants, whose rows the transaction
// holds and whose jobs are written.
func (tx *Tx) UpdateTurns(ctx context.Context, turns map[string]int64) error {
	rows := make([][]any, 0, len(turns))
	for tenant, turn := range turns {
		rows = append(rows, []any{tenant, turn})
	}
	err := tx.ChangeEach(ctx, "update exportyard_tenant set claimed = v.column2, waiting = case when "+hasWork+" then 1 else 0 end",
		[]string{"text", "bigint"}, "where exportyard_tenant.tenant = v.column1", rows)
	if err != nil {
		return fmt.Errorf("write turns: %w", err)
	}
	return nil
}
