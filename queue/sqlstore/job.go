package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/sqlstore/internal/txn"
)

// activeStates is where jobs hold their slot, as [queue.State.Active] says; the
// indexes are made for these words.
const activeStates = "('pending', 'running')"

// A jobRow is a job with what only the store knows of it.
type jobRow struct {
	queue.Job
	ord, seq                int64
	sealedRows, sealedBytes int64
	leasedRows, leasedBytes int64
}

// progress returns the job with the rows and bytes of its parts.
func (j jobRow) progress() queue.Job {
	j.Rows, j.Bytes = j.sealedRows+j.leasedRows, j.sealedBytes+j.leasedBytes
	return j.Job
}

// selectJob reads a jobRow. The rows and bytes of the leased parts are added
// here, those of the sealed ones are kept.
const selectJob = `select j.ord, j.seq, j.id, j.tenant, j.kind, j.slot, j.actor, j.idempotency_key, j.fingerprint, j.retry_of,
	j.request_version, j.request, j.state, j.reason_version, j.reason, j.result_version, j.result,
	j.parts, j.parts_sealed, j.rows_planned, j.sealed_rows, j.sealed_bytes, j.crashes, j.cleanings, j.version,
	j.created_at, j.started_at, j.finished_at, j.deadline_at, j.expires_at, j.clean_at,
	(select cast(coalesce(sum(p.row_count), 0) as bigint) from exportyard_part p where p.job = j.ord and p.state = 'leased' and p.kind = 'rows'),
	(select cast(coalesce(sum(p.byte_count), 0) as bigint) from exportyard_part p where p.job = j.ord and p.state = 'leased' and p.kind = 'rows')
	from exportyard_job j `

func (tx *transaction) scanJob(row txn.Scanner) (jobRow, error) {
	var j jobRow
	err := row.Scan(&j.ord, &j.seq, &j.ID, &j.Tenant, &j.Kind, &j.Slot, &j.Actor, &j.IdempotencyKey, &j.Fingerprint, &j.RetryOf,
		&j.Request.Version, &j.Request.Data, &j.State, &j.Reason.Version, &j.Reason.Data, &j.Result.Version, &j.Result.Data,
		&j.Parts, &j.PartsSealed, &j.RowsPlanned, &j.sealedRows, &j.sealedBytes, &j.Crashes, &j.Cleanings, &j.Version,
		txn.ScanTime(&j.CreatedAt), txn.ScanTime(&j.StartedAt), txn.ScanTime(&j.FinishedAt), txn.ScanTime(&j.DeadlineAt), txn.ScanTime(&j.ExpiresAt), txn.ScanTime(&j.CleanAt),
		&j.leasedRows, &j.leasedBytes)
	j.Now = tx.Now
	j.Job = j.progress()
	return j, err
}

// job returns the tenant's job. The lock, if any, ends the select.
func (tx *transaction) job(ctx context.Context, tenant, id, lock string) (jobRow, error) {
	j, err := tx.scanJob(tx.Row(ctx, selectJob+"where j.tenant = $1 and j.id = $2"+lock, tenant, id))
	if errors.Is(err, sql.ErrNoRows) {
		err = fmt.Errorf("job %s: %w", id, queue.ErrNotFound)
	}
	return j, err
}

// insertJob stores a job and reports whether no constraint was against it.
func (tx *transaction) insertJob(ctx context.Context, j queue.Job, seq int64) (ord int64, stored bool, err error) {
	err = tx.Row(ctx, `insert into exportyard_job (id, tenant, seq, kind, slot, actor, idempotency_key, fingerprint, retry_of,
		request_version, request, state, reason_version, result_version,
		parts, parts_sealed, rows_planned, sealed_rows, sealed_bytes, crashes, cleanings, version, claimed, ready, created_at, deadline_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 0, 0, $13, 0, $14, 0, 0, 0, 0, $15, 0, 1, $16, $17)
		on conflict do nothing returning ord`,
		j.ID, j.Tenant, seq, j.Kind, j.Slot, j.Actor, j.IdempotencyKey, j.Fingerprint, j.RetryOf,
		j.Request.Version, j.Request.Data, j.State, j.Parts, j.RowsPlanned, j.Version,
		txn.Micros(j.CreatedAt), txn.Micros(j.DeadlineAt)).Scan(&ord)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, false, nil
	}
	return ord, err == nil, err
}

// hasReady is what the column ready of a job becomes: whether a claim may find
// something. A part that waits for its time counts, the seal part only when last, which
// is 1, says that all others are sealed.
func hasReady(last string) string {
	return `case when exists (select 1 from exportyard_part p where p.job = exportyard_job.ord
		and p.state = 'ready' and p.suspect = 0 and (p.kind <> 'seal' or ` + last + ` = 1)) then 1 else 0 end`
}

// updateJob stores what a job became, if it is still the version that was read. The
// parts of one that is no longer active end.
func (tx *transaction) updateJob(ctx context.Context, was jobRow, j *jobRow) error {
	if err := tx.Change(ctx, 1, `update exportyard_job set state = $1, reason_version = $2, reason = $3, result_version = $4, result = $5,
		parts = $6, parts_sealed = $7, rows_planned = $8, sealed_rows = $9, sealed_bytes = $10, crashes = $11, cleanings = $12,
		version = $13, started_at = $14, finished_at = $15, expires_at = $16, clean_at = $17, ready = `+hasReady("$18")+`
		where ord = $19 and version = $20`,
		j.State, j.Reason.Version, j.Reason.Data, j.Result.Version, j.Result.Data,
		j.Parts, j.PartsSealed, j.RowsPlanned, j.sealedRows, j.sealedBytes, j.Crashes, j.Cleanings,
		j.Version, txn.Micros(j.StartedAt), txn.Micros(j.FinishedAt), txn.Micros(j.ExpiresAt), txn.Micros(j.CleanAt),
		number(j.PartsSealed == j.Parts-1), j.ord, was.Version); err != nil {
		return fmt.Errorf("write job %s: %w", j.ID, err)
	}
	if was.State.Active() && !j.State.Active() {
		j.leasedRows, j.leasedBytes = 0, 0
		return tx.cancelParts(ctx, j.ord)
	}
	return nil
}
