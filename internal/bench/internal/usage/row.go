package usage

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/exportyard/exportyard/source"
)

// A Row is the plain struct that a typical program scans a row into. Its export
// tags are for rows from memory.
type Row struct {
	RunID      string          `json:"run_id" parquet:"run_id" export:"run_id,uuid"`
	OrgID      string          `json:"org_id" parquet:"org_id" export:"org_id,uuid"`
	UserID     string          `json:"user_id" parquet:"user_id" export:"user_id,uuid"`
	ThreadID   string          `json:"thread_id" parquet:"thread_id" export:"thread_id,uuid"`
	UserName   string          `json:"user_name" parquet:"user_name" export:"user_name"`
	UserEmail  string          `json:"user_email" parquet:"user_email" export:"user_email"`
	Title      string          `json:"title" parquet:"title" export:"title"`
	Model      string          `json:"model" parquet:"model" export:"model"`
	Status     string          `json:"status" parquet:"status" export:"status"`
	CreditCost string          `json:"credit_cost" parquet:"credit_cost" export:"credit_cost,decimal(12,4)"`
	Tokens     int64           `json:"tokens" parquet:"tokens" export:"tokens"`
	Cached     bool            `json:"cached" parquet:"cached" export:"cached"`
	CreatedAt  time.Time       `json:"created_at" parquet:"created_at" export:"created_at"`
	FinishedAt *time.Time      `json:"finished_at" parquet:"finished_at,optional" export:"finished_at"`
	Settings   json.RawMessage `json:"settings" parquet:"settings" export:"settings"`
}

// Fields are where Scan puts the columns.
func (r *Row) Fields() []any {
	return []any{
		&r.RunID, &r.OrgID, &r.UserID, &r.ThreadID, &r.UserName, &r.UserEmail, &r.Title, &r.Model, &r.Status, &r.CreditCost,
		&r.Tokens, &r.Cached, &r.CreatedAt, &r.FinishedAt, &r.Settings,
	}
}

// Rows returns the first n rows of the seed.
func Rows(n int, seed uint64) (rows []Row, err error) {
	err = Each(n, seed, func(b *source.Batch) error {
		for i := range b.Len() {
			rows = append(rows, rowOf(b, i))
		}
		return nil
	})
	return rows, err
}

func rowOf(b *source.Batch, i int) Row {
	text := func(c int) string { return string(source.AppendText(nil, b.Col(c), i)) }
	r := Row{
		RunID: text(0), OrgID: text(1), UserID: text(2), ThreadID: text(3), UserName: text(4), UserEmail: text(5), Title: text(6),
		Model: text(7), Status: text(8), CreditCost: text(9), Tokens: b.Col(10).Int64s()[i], Cached: b.Col(11).Bools()[i],
		CreatedAt: source.Instant(source.Timestamp, b.Col(12).Int64s()[i]), Settings: json.RawMessage(text(14)),
	}
	if !b.Col(13).Null(i) {
		finished := source.Instant(source.Timestamp, b.Col(13).Int64s()[i])
		r.FinishedAt = &finished
	}
	return r
}

// Map is the row as a program has it that knows no tables.
func (r *Row) Map() map[string]any {
	return map[string]any{
		"run_id": r.RunID, "org_id": r.OrgID, "user_id": r.UserID, "thread_id": r.ThreadID, "user_name": r.UserName,
		"user_email": r.UserEmail, "title": r.Title, "model": r.Model, "status": r.Status, "credit_cost": r.CreditCost,
		"tokens": r.Tokens, "cached": r.Cached, "created_at": r.CreatedAt, "finished_at": r.FinishedAt, "settings": r.Settings,
	}
}

// Record is the row as encoding/csv takes it.
func (r *Row) Record() []string {
	finished := ""
	if r.FinishedAt != nil {
		finished = r.FinishedAt.UTC().Format(time.RFC3339Nano)
	}
	return []string{
		r.RunID, r.OrgID, r.UserID, r.ThreadID, r.UserName, r.UserEmail, r.Title, r.Model, r.Status, r.CreditCost,
		strconv.FormatInt(r.Tokens, 10), strconv.FormatBool(r.Cached), r.CreatedAt.UTC().Format(time.RFC3339Nano), finished, string(r.Settings),
	}
}
