package session

import (
	"context"
	"fmt"
	"io"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/pgsource/internal/wire"
)

// Rows are rows of the session's query as they come, for one goroutine.
type Rows struct {
	ses    *Session
	sql    string
	result *pgconn.ResultReader
	cut    int64 // so far
}

// Rows starts to read. The rows are closed before the session is used again.
func (s *Session) Rows(ctx context.Context) (*Rows, error) {
	st, err := s.q.Rows()
	if err != nil {
		return nil, err
	}
	return &Rows{ses: s, sql: st.SQL(), result: s.query(ctx, st)}, nil
}

// Next appends the next row to dst. The end is io.EOF, once the server has said
// that it sent as many rows as have come.
func (r *Rows) Next(ctx context.Context, dst []byte) ([]byte, error) {
	if r.result.NextRow() {
		r.cut++
		dst, tooLong := wire.AppendRow(dst, r.result.Values())
		if tooLong >= 0 {
			return dst, DataError(r.ses.q.Name, r.ses.schema[tooLong].Name, errTooLong)
		}
		return dst, nil
	}
	tag, err := r.result.Close()
	switch {
	case err != nil:
		return dst, r.ses.Failed(ctx, "read", r.sql, err)
	case tag.RowsAffected() != r.cut:
		return dst, fmt.Errorf("pgsource: read dataset %q: the server sent %d rows and %d came", r.ses.q.Name, tag.RowsAffected(), r.cut)
	}
	return dst, io.EOF
}

// Cut returns how many rows have come so far.
func (r *Rows) Cut() int64 { return r.cut }

// Close ends the reading; its context has ended, or its rows have.
func (r *Rows) Close() {
	_, _ = r.result.Close() // an error of the rows has been returned by Next
}

// Decode appends so many cut rows of the session's query, of whichever session
// that has the same, to the vectors of b, which counts none of them yet. Any
// number of goroutines may call it.
func (s *Session) Decode(b *source.Batch, data []byte, rows int) error {
	if column, err := wire.DecodeRows(b, s.decoders, data, rows); err != nil {
		return DataError(s.q.Name, s.schema[column].Name, err)
	}
	for _, column := range s.vouched {
		b.Col(column).Vouch()
	}
	return nil
}
