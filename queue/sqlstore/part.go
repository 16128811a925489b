package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/sqlstore/internal/txn"
)

const selectPart = `select p.number, p.kind, p.payload_version, p.payload, p.state, p.fence, p.holder, p.lease_until, p.not_before,
	p.alone, p.suspect, p.failures, p.row_count, p.byte_count, p.receipt_version, p.receipt, p.reason_version, p.reason
	from exportyard_part p `

// scanPart returns a scan of the parts of a job.
func scanPart(j queue.Job) func(txn.Scanner) (queue.Part, error) {
	return func(row txn.Scanner) (queue.Part, error) {
		p := queue.Part{Job: j.ID, Tenant: j.Tenant}
		err := row.Scan(&p.Number, &p.Kind, &p.Payload.Version, &p.Payload.Data, &p.State, &p.Fence, &p.Holder,
			txn.ScanTime(&p.LeaseUntil), txn.ScanTime(&p.NotBefore), &p.Alone, &p.Suspect, &p.Failures, &p.Rows, &p.Bytes,
			&p.Receipt.Version, &p.Receipt.Data, &p.Reason.Version, &p.Reason.Data)
		return p, err
	}
}

// part returns a part of the job, and locks it when the transaction may write.
func (tx *transaction) part(ctx context.Context, j jobRow, number int) (queue.Part, error) {
	p, err := scanPart(j.Job)(tx.Conn.QueryRowContext(ctx, selectPart+"where p.job = $1 and p.number = $2"+tx.Lock, j.ord, number))
	if errors.Is(err, sql.ErrNoRows) {
		return queue.Part{}, fmt.Errorf("part %d of job %s: %w", number, j.ID, queue.ErrNotFound)
	}
	return p, err
}

// updatePart stores what a part became, if it is still in the state and under
// the fence that was read.
func (tx *transaction) updatePart(ctx context.Context, j jobRow, was, p queue.Part) error {
	if err := tx.Change(ctx, `update exportyard_part set state = $1, fence = $2, holder = $3, lease_until = $4, not_before = $5,
		alone = $6, suspect = $7, failures = $8, row_count = $9, byte_count = $10,
		receipt_version = $11, receipt = $12, reason_version = $13, reason = $14
		where job = $15 and number = $16 and state = $17 and fence = $18`,
		p.State, p.Fence, p.Holder, txn.Micros(p.LeaseUntil), txn.Micros(p.NotBefore),
		number(p.Alone), number(p.Suspect), p.Failures, p.Rows, p.Bytes,
		p.Receipt.Version, p.Receipt.Data, p.Reason.Version, p.Reason.Data,
		j.ord, p.Number, was.State, was.Fence); err != nil {
		return fmt.Errorf("write part %d of job %s: %w", p.Number, j.ID, err)
	}
	return nil
}

// insertParts stores new parts.
func (tx *transaction) insertParts(ctx context.Context, job int64, parts []queue.Part) error {
	if len(parts) == 0 {
		return nil
	}
	insert, err := tx.Conn.PrepareContext(ctx, `insert into exportyard_part (job, number, kind, payload_version, payload, state)
		values ($1, $2, $3, $4, $5, $6)`)
	if err != nil {
		return err
	}
	defer insert.Close()
	for _, p := range parts {
		if _, err := insert.ExecContext(ctx, job, p.Number, p.Kind, p.Payload.Version, p.Payload.Data, p.State); err != nil {
			return fmt.Errorf("write part %d: %w", p.Number, err)
		}
	}
	return nil
}

// cancelParts ends the parts of a job that is no longer active. A part's state
// alone decides what becomes of it, so one question for each state is enough.
func (tx *transaction) cancelParts(ctx context.Context, j jobRow) error {
	for _, state := range []queue.PartState{queue.Ready, queue.Leased, queue.Sealed, queue.PartFailed, queue.PartCanceled} {
		after := queue.Part{State: state}.Cancel()
		if after.State == state {
			continue
		}
		err := tx.Exec(ctx, "update exportyard_part set state = $1, lease_until = $2 where job = $3 and state = $4",
			after.State, txn.Micros(after.LeaseUntil), j.ord, state)
		if err != nil {
			return fmt.Errorf("cancel the parts of job %s: %w", j.ID, err)
		}
	}
	return nil
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}
