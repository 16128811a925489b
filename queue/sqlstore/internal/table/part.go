package table

import (
	"context"
	"fmt"
	"strings"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/sqlstore/internal/txn"
)

// SelectPart reads a part for ScanPart.
const SelectPart = `select p.number, p.kind, p.payload_version, p.payload, p.state, p.fence, p.holder, p.lease_until, p.not_before,
	p.alone, p.suspect, p.failures, p.row_count, p.byte_count, p.receipt_version, p.receipt, p.reason_version, p.reason
	from exportyard_part p `

// ScanPart returns a scan of the parts of a job.
func ScanPart(j queue.Job) func(txn.Scanner) (queue.Part, error) {
	return func(row txn.Scanner) (queue.Part, error) {
		p := queue.Part{Job: j.ID, Tenant: j.Tenant}
		err := row.Scan(&p.Number, &p.Kind, &p.Payload.Version, &p.Payload.Data, &p.State, &p.Fence, &p.Holder,
			txn.ScanTime(&p.LeaseUntil), txn.ScanTime(&p.NotBefore), &p.Alone, &p.Suspect, &p.Failures, &p.Rows, &p.Bytes,
			&p.Receipt.Version, &p.Receipt.Data, &p.Reason.Version, &p.Reason.Data)
		return p, err
	}
}

// A PartChange is a part as it was read and as it becomes.
type PartChange struct {
	Job      int64 // its number, Ord
	Was, Now queue.Part
	Changed  bool
}

// Parts returns those of the parts with these numbers that are there. Who may write has
// locked the job, for itself or with others who only prolong leases, and so its parts.
func (tx *Tx) Parts(ctx context.Context, j Job, numbers []int) (map[int]*PartChange, error) {
	found := make(map[int]*PartChange, len(numbers))
	// Each part is one select: asked for several, a database may go by what jobs have on
	// average and read through all parts of a large one.
	err := txn.Pieces(numbers, func(piece []int) error {
		selects, args := make([]string, len(piece)), []any{j.Ord}
		for i, number := range piece {
			args = append(args, number)
			selects[i] = fmt.Sprintf("%swhere p.job = $1 and p.number = $%d", SelectPart, len(args))
		}
		parts, err := txn.Collect(ctx, tx.Tx, ScanPart(j.Job), strings.Join(selects, " union all "), args...)
		for _, p := range parts {
			found[p.Number] = &PartChange{Job: j.Ord, Was: p, Now: p}
		}
		return err
	})
	return found, err
}

// partColumns are the types of the columns that UpdateParts joins.
var partColumns = []string{
	"bigint", "bigint", "text", "bigint", "text", "bigint", "bigint", "bigint", "bigint", "bigint",
	"bigint", "bigint", "bigint", txn.Blob, "bigint", txn.Blob, "text", "bigint",
}

// UpdateParts stores what parts became, if they are still in the state and under
// the fence that was read.
func (tx *Tx) UpdateParts(ctx context.Context, changes []*PartChange) error {
	rows := make([][]any, len(changes))
	for i, c := range changes {
		p := c.Now
		rows[i] = []any{
			c.Job, p.Number, p.State, p.Fence, p.Holder, txn.Micros(p.LeaseUntil), txn.Micros(p.NotBefore),
			Number(p.Alone), Number(p.Suspect), p.Failures, p.Rows, p.Bytes,
			p.Receipt.Version, p.Receipt.Data, p.Reason.Version, p.Reason.Data, c.Was.State, c.Was.Fence,
		}
	}
	err := tx.ChangeEach(ctx, `update exportyard_part set state = v.column3, fence = v.column4, holder = v.column5,
		lease_until = v.column6, not_before = v.column7, alone = v.column8, suspect = v.column9, failures = v.column10,
		row_count = v.column11, byte_count = v.column12, receipt_version = v.column13, receipt = v.column14,
		reason_version = v.column15, reason = v.column16`, partColumns,
		`where exportyard_part.job = v.column1 and exportyard_part.number = v.column2
		and exportyard_part.state = v.column17 and exportyard_part.fence = v.column18`, rows)
	if err != nil {
		return fmt.Errorf("write parts: %w", err)
	}
	return nil
}

// InsertParts stores new parts.
func (tx *Tx) InsertParts(ctx context.Context, job int64, parts []queue.Part) error {
	rows := make([][]any, len(parts))
	for i, p := range parts {
		rows[i] = []any{job, p.Tenant, p.Number, p.Kind, p.Payload.Version, p.Payload.Data, p.State}
	}
	err := tx.Insert(ctx, "insert into exportyard_part (job, tenant, number, kind, payload_version, payload, state) ", rows)
	if err != nil {
		return fmt.Errorf("write new parts: %w", err)
	}
	return nil
}

// cancelParts ends the parts of a job that is no longer active. A part's state
// alone decides what becomes of it, so one question for each state is enough.
func (tx *Tx) cancelParts(ctx context.Context, job int64) error {
	for _, state := range []queue.PartState{queue.Ready, queue.Leased, queue.Sealed, queue.PartFailed, queue.PartCanceled} {
		after := queue.Part{State: state}.Cancel()
		if after.State == state {
			continue
		}
		err := tx.Exec(ctx, "update exportyard_part set state = $1, lease_until = $2 where job = $3 and state = $4",
			after.State, txn.Micros(after.LeaseUntil), job, state)
		if err != nil {
			return fmt.Errorf("cancel parts: %w", err)
		}
	}
	return nil
}

// Number is a truth as it is stored: 1 or 0.
func Number(b bool) int {
	if b {
		return 1
	}
	return 0
}
