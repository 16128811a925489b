package sqlstore_test

import (
	"context"
	"database/sql"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/queuetest"
	"github.com/exportyard/exportyard/queue/sqlstore"
)

// A wrapped store is a good one whose CreateTx is replaced.
type wrapped struct {
	*sqlstore.Store
	createTx func(context.Context, *sql.Tx, queue.NewJob, []queue.Entry) (queue.Job, bool, error)
}

func (w *wrapped) CreateTx(ctx context.Context, tx *sql.Tx, n queue.NewJob, e []queue.Entry) (queue.Job, bool, error) {
	return w.createTx(ctx, tx, n, e)
}

// hostMutants each break one promise of a [queue.TxCreator], and are found by a rule.
var hostMutants = []struct {
	name     string
	caughtBy string
	damage   func(*wrapped)
}{
	{"in a transaction of its own", "R3_HostRollsBack", func(w *wrapped) {
		w.createTx = func(ctx context.Context, _ *sql.Tx, n queue.NewJob, e []queue.Entry) (queue.Job, bool, error) {
			return w.Create(ctx, n, e)
		}
	}},
	{"commits for the host", "R3_HostRollsBack", func(w *wrapped) {
		w.createTx = func(ctx context.Context, tx *sql.Tx, n queue.NewJob, e []queue.Entry) (queue.Job, bool, error) {
			j, existing, err := w.Store.CreateTx(ctx, tx, n, e)
			_ = tx.Commit()
			return j, existing, err
		}
	}},
	{"rolls back for the host", "R1_ConflictInTheHostsTransaction", func(w *wrapped) {
		w.createTx = func(ctx context.Context, tx *sql.Tx, n queue.NewJob, e []queue.Entry) (queue.Job, bool, error) {
			j, existing, err := w.Store.CreateTx(ctx, tx, n, e)
			if err != nil {
				_ = tx.Rollback()
			}
			return j, existing, err
		}
	}},
	{"entries dropped", "R3_HostCommits", func(w *wrapped) {
		w.createTx = func(ctx context.Context, tx *sql.Tx, n queue.NewJob, _ []queue.Entry) (queue.Job, bool, error) {
			return w.Store.CreateTx(ctx, tx, n, nil)
		}
	}},
	{"idempotency key ignored", "R2_KeyInTheHostsTransaction", func(w *wrapped) {
		w.createTx = func(ctx context.Context, tx *sql.Tx, n queue.NewJob, e []queue.Entry) (queue.Job, bool, error) {
			n.IdempotencyKey = ""
			return w.Store.CreateTx(ctx, tx, n, e)
		}
	}},
	{"none", "", func(*wrapped) {}},
}

func TestR14_BrokenHostStoresAreCaught(t *testing.T) {
	t.Parallel()
	withEach(t, func(t *testing.T, where func(testing.TB) place) {
		for _, m := range hostMutants {
			rules := []string{m.caughtBy}
			if m.caughtBy == "" { // what is not damaged is not complained of
				rules = []string{"R3_HostRollsBack", "R1_ConflictInTheHostsTransaction", "R3_HostCommits", "R2_KeyInTheHostsTransaction"}
			}
			for _, rule := range rules {
				t.Run(m.name+"/"+rule, func(t *testing.T) {
					t.Parallel()
					p := where(t)
					store := p.open(t, &sqlstore.Options{LockWait: 100 * time.Millisecond})
					w := &wrapped{Store: store, createTx: store.CreateTx}
					m.damage(w)
					complaints := queuetest.Check(t, rule, queuetest.Harness{Store: w, Entries: w, Host: p.db(t), Advance: func(time.Duration) {}})
					require.Equal(t, m.caughtBy != "", len(complaints) > 0, complaints)
				})
			}
		}
	})
}
