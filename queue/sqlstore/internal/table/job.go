// Package table reads and writes the rows of jobs, of parts and of entries. What they
// become is decided elsewhere.
package table

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/chain"
	"github.com/exportyard/exportyard/queue/sqlstore/internal/txn"
)

// ActiveStates is where jobs hold their slot, as [queue.State.Active] says; the
// indexes are made for these words.
const ActiveStates = "('pending', 'running')"

// A Tx is a transaction on the store's tables.
type Tx struct {
	*txn.Tx
	// Keys chain the audit log; nil for no chain.
	Keys *chain.Keys
	// stirred says of which tenants jobs have something to give now, or have no longer.
	stirred map[string]bool
}

// A Job is a job with what only the store knows of it.
type Job struct {
	queue.Job
	Ord, Seq                int64
	SealedRows, SealedBytes int64
	LeasedRows, LeasedBytes int64
	// Ready says that a part is ready that is no suspect, see [HasReady].
	Ready bool
}

// Progress returns the job with the rows and bytes of its parts.
func (j Job) Progress() queue.Job {
	j.Rows, j.Bytes = j.SealedRows+j.LeasedRows, j.SealedBytes+j.LeasedBytes
	return j.Job
}

// SelectJob reads a Job.
const SelectJob = "select " + JobColumns + " from exportyard_job j "

// JobColumns are the columns of a Job. The rows and bytes of the leased parts are added
// here, those of the sealed ones are kept.
const JobColumns = `j.ord, j.seq, j.id, j.tenant, j.kind, j.slot, j.actor, j.idempotency_key, j.fingerprint, j.retry_of,
	j.request_version, j.request, j.state, j.reason_version, j.reason, j.result_version, j.result,
	j.parts, j.parts_sealed, j.rows_planned, j.sealed_rows, j.sealed_bytes, j.crashes, j.held, j.cleanings, j.version,
	j.created_at, j.started_at, j.finished_at, j.deadline_at, j.expires_at, j.notice_at, j.clean_at, j.ready,
	(select cast(coalesce(sum(p.row_count), 0) as bigint) from exportyard_part p where p.job = j.ord and p.state = 'leased' and p.kind = 'rows'),
	(select cast(coalesce(sum(p.byte_count), 0) as bigint) from exportyard_part p where p.job = j.ord and p.state = 'leased' and p.kind = 'rows')`

// ScanJob scans what SelectJob reads.
func (tx *Tx) ScanJob(row txn.Scanner) (Job, error) { return tx.ScanJobAnd(row) }

// ScanJobAnd scans JobColumns, and more columns behind them.
func (tx *Tx) ScanJobAnd(row txn.Scanner, more ...any) (Job, error) {
	var j Job
	err := row.Scan(append([]any{
		&j.Ord, &j.Seq, &j.ID, &j.Tenant, &j.Kind, &j.Slot, &j.Actor, &j.IdempotencyKey, &j.Fingerprint, &j.RetryOf,
		&j.Request.Version, &j.Request.Data, &j.State, &j.Reason.Version, &j.Reason.Data, &j.Result.Version, &j.Result.Data,
		&j.Parts, &j.PartsSealed, &j.RowsPlanned, &j.SealedRows, &j.SealedBytes, &j.Crashes, &j.Held, &j.Cleanings, &j.Version,
		txn.ScanTime(&j.CreatedAt), txn.ScanTime(&j.StartedAt), txn.ScanTime(&j.FinishedAt), txn.ScanTime(&j.DeadlineAt), txn.ScanTime(&j.ExpiresAt), txn.ScanTime(&j.NoticeAt), txn.ScanTime(&j.CleanAt), &j.Ready,
		&j.LeasedRows, &j.LeasedBytes,
	}, more...)...)
	j.Now = tx.Now
	j.Job = j.Progress()
	return j, err
}

// Job returns the tenant's job. The lock, if any, ends the select.
func (tx *Tx) Job(ctx context.Context, tenant, id, lock string) (Job, error) {
	j, err := tx.ScanJob(tx.Row(ctx, SelectJob+"where j.tenant = $1 and j.id = $2"+lock, tenant, id))
	if errors.Is(err, sql.ErrNoRows) {
		err = fmt.Errorf("job %s: %w", id, queue.ErrNotFound)
	}
	return j, err
}

// InsertJob stores a job and reports whether no constraint was against it.
func (tx *Tx) InsertJob(ctx context.Context, j queue.Job, seq int64) (ord int64, stored bool, err error) {
	err = tx.Row(ctx, `insert into exportyard_job (id, tenant, seq, kind, slot, actor, idempotency_key, fingerprint, retry_of,
		request_version, request, state, reason_version, result_version,
		parts, parts_sealed, rows_planned, sealed_rows, sealed_bytes, crashes, cleanings, version, claimed, ready, created_at, deadline_at, claimed_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 0, 0, $13, 0, $14, 0, 0, 0, 0, $15, 0, 1, $16, $17, $18)
		on conflict do nothing returning ord`,
		j.ID, j.Tenant, seq, j.Kind, j.Slot, j.Actor, j.IdempotencyKey, j.Fingerprint, j.RetryOf,
		j.Request.Version, j.Request.Data, j.State, j.Parts, j.RowsPlanned, j.Version,
		txn.Micros(j.CreatedAt), txn.Micros(j.DeadlineAt), txn.Micros(j.CreatedAt)).Scan(&ord)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, false, nil
	}
	return ord, err == nil, err
}

// HasReady is what the column ready of a job becomes: whether a claim may find
// something. A part that waits for its time counts, the seal part only when last, which
// is 1, says that all others are sealed.
func HasReady(last string) string {
	return `case when exists (select 1 from exportyard_part p where p.job = exportyard_job.ord
		and p.state = 'ready' and p.suspect = 0 and (p.kind <> 'seal' or ` + last + ` = 1)) then 1 else 0 end`
}

// UpdateJob stores what a job became, if it is still the version that was read. The
// parts of one that is no longer active end.
func (tx *Tx) UpdateJob(ctx context.Context, was Job, j *Job) error {
	err := tx.Row(ctx, `update exportyard_job set state = $1, reason_version = $2, reason = $3, result_version = $4, result = $5,
		parts = $6, parts_sealed = $7, rows_planned = $8, sealed_rows = $9, sealed_bytes = $10, crashes = $11, cleanings = $12,
		version = $13, started_at = $14, finished_at = $15, expires_at = $16, clean_at = $17, held = $18, notice_at = $19,
		ready = `+HasReady("$20")+` where ord = $21 and version = $22 returning ready`,
		j.State, j.Reason.Version, j.Reason.Data, j.Result.Version, j.Result.Data,
		j.Parts, j.PartsSealed, j.RowsPlanned, j.SealedRows, j.SealedBytes, j.Crashes, j.Cleanings,
		j.Version, txn.Micros(j.StartedAt), txn.Micros(j.FinishedAt), txn.Micros(j.ExpiresAt), txn.Micros(j.CleanAt),
		Number(j.Held), txn.Micros(j.NoticeAt),
		Number(j.PartsSealed == j.Parts-1), j.Ord, was.Version).Scan(&j.Ready)
	if errors.Is(err, sql.ErrNoRows) {
		err = txn.ErrLostUpdate
	}
	if err != nil {
		return fmt.Errorf("write job %s: %w", j.ID, err)
	}
	if was.gives() != j.gives() {
		tx.stir(j.Tenant, j.gives())
	}
	if was.State.Active() && !j.State.Active() {
		j.LeasedRows, j.LeasedBytes = 0, 0
		return tx.cancelParts(ctx, j.Ord)
	}
	return nil
}

// DeleteJob removes a job and its parts, if it is still the version that was read.
func (tx *Tx) DeleteJob(ctx context.Context, j Job) error {
	err := tx.Exec(ctx, "delete from exportyard_part where job = $1", j.Ord)
	if err == nil {
		err = tx.Change(ctx, 1, "delete from exportyard_job where ord = $1 and version = $2", j.Ord, j.Version)
	}
	if err != nil {
		return fmt.Errorf("delete job %s: %w", j.ID, err)
	}
	return nil
}
