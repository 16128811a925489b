package usage

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/exportyard/exportyard/source"
)

// An ID is a UUID as a typical program has it.
type ID [16]byte

// String is its text.
func (id ID) String() string { return string(source.AppendUUID(nil, id)) }

// MarshalText is its text, as encoding/json asks for it.
func (id ID) MarshalText() ([]byte, error) { return source.AppendUUID(nil, id), nil }

// A Typed is a row whose ids are not text yet, as a program has it that does more
// with its rows than to export them.
type Typed struct {
	RunID      ID              `json:"run_id"`
	OrgID      ID              `json:"org_id"`
	UserID     ID              `json:"user_id"`
	ThreadID   ID              `json:"thread_id"`
	UserName   string          `json:"user_name"`
	UserEmail  string          `json:"user_email"`
	Title      string          `json:"title"`
	Model      string          `json:"model"`
	Status     string          `json:"status"`
	CreditCost string          `json:"credit_cost"`
	Tokens     int64           `json:"tokens"`
	Cached     bool            `json:"cached"`
	CreatedAt  time.Time       `json:"created_at"`
	FinishedAt *time.Time      `json:"finished_at"`
	Settings   json.RawMessage `json:"settings"`
}

func typedOf(b *source.Batch, i int) Typed {
	r, id := rowOf(b, i), func(c int) ID { return b.Col(c).UUIDs()[i] }
	return Typed{
		RunID: id(0), OrgID: id(1), UserID: id(2), ThreadID: id(3), UserName: r.UserName, UserEmail: r.UserEmail, Title: r.Title,
		Model: r.Model, Status: r.Status, CreditCost: r.CreditCost, Tokens: r.Tokens, Cached: r.Cached, CreatedAt: r.CreatedAt,
		FinishedAt: r.FinishedAt, Settings: r.Settings,
	}
}

// TypedRows returns the first n rows of the seed.
func TypedRows(n int, seed uint64) (rows []Typed, err error) {
	err = Each(n, seed, func(b *source.Batch) error {
		for i := range b.Len() {
			rows = append(rows, typedOf(b, i))
		}
		return nil
	})
	return rows, err
}

// Record is the row as encoding/csv takes it.
func (r *Typed) Record() []string {
	finished := ""
	if r.FinishedAt != nil {
		finished = r.FinishedAt.Format(time.RFC3339Nano)
	}
	return []string{
		r.RunID.String(), r.OrgID.String(), r.UserID.String(), r.ThreadID.String(),
		r.UserName, r.UserEmail, r.Title, r.Model, r.Status, r.CreditCost,
		strconv.FormatInt(r.Tokens, 10), strconv.FormatBool(r.Cached), r.CreatedAt.Format(time.RFC3339Nano), finished, string(r.Settings),
	}
}
