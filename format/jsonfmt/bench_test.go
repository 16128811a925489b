package jsonfmt_test

import (
	"bytes"
	"encoding/json"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/format/formattest"
	"github.com/exportyard/exportyard/format/jsonfmt"
	"github.com/exportyard/exportyard/source"
)

func BenchmarkLines(b *testing.B) { formattest.Benchmark(b, jsonfmt.Lines{}) }

func BenchmarkDocument(b *testing.B) { formattest.Benchmark(b, jsonfmt.Document{}) }

// id is a UUID as a typical program has it.
type id [16]byte

func (u id) MarshalText() ([]byte, error) { return source.AppendUUID(nil, u), nil }

func (u *id) UnmarshalText(text []byte) (err error) {
	*u, err = source.ParseUUID(text)
	return err
}

// usage is what a typical program scans a row into.
type usage struct {
	RunID      id              `json:"run_id"`
	OrgID      id              `json:"org_id"`
	UserID     id              `json:"user_id"`
	ThreadID   id              `json:"thread_id"`
	UserName   string          `json:"user_name"`
	UserEmail  string          `json:"user_email"`
	Title      string          `json:"title"`
	Model      string          `json:"model"`
	Status     string          `json:"status"`
	CreditCost json.Number     `json:"credit_cost"`
	Tokens     int64           `json:"tokens"`
	Cached     bool            `json:"cached"`
	CreatedAt  time.Time       `json:"created_at"`
	FinishedAt *time.Time      `json:"finished_at"`
	Settings   json.RawMessage `json:"settings"`
}

// BenchmarkEncodingJSON is the same rows through encoding/json, the usual way.
func BenchmarkEncodingJSON(b *testing.B) {
	const n = 2048
	batch := source.NewBatch(formattest.UsageSchema(), n, 1<<30)
	require.NoError(b, formattest.AppendUsage(batch, 1, n))
	blocks, err := jsonfmt.Lines{}.Blocks(batch.Schema())
	require.NoError(b, err)
	file, err := blocks.AppendRows(nil, batch)
	require.NoError(b, err)
	rows := make([]usage, n)
	dec := json.NewDecoder(bytes.NewReader(file))
	for i := range rows {
		require.NoError(b, dec.Decode(&rows[i]))
	}

	enc := json.NewEncoder(io.Discard)
	mallocs := formattest.MallocsOf(func() {
		for b.Loop() {
			for i := range rows {
				if err := enc.Encode(&rows[i]); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
	formattest.ReportRows(b, n*b.N, 0, mallocs)
}
