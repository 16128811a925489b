package session

import (
	"context"
	"fmt"
	"io"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/pgsource/internal/wire"
)

// Rows are the rows of the session's query as they come. One goroutine cuts
// them; any number decode what was cut.
type Rows struct {
	ses      *Session
	schema   source.Schema
	decoders []wire.Decoder
	sql      string
	result   *pgconn.ResultReader
	cut      int64 // so far
}

// Rows starts to read. The rows are closed before the session is used again.
func (s *Session) Rows(ctx context.Context) (*Rows, error) {
	st, columns, err := s.q.Rows()
	if err != nil {
		return nil, err
	}
	r := &Rows{ses: s, sql: st.SQL(), result: s.query(ctx, st)}
	r.schema, r.decoders = layout(columns)
	return r, nil
}

// Next appends the next row to dst. The end is io.EOF, once the server has said
// that it sent as many rows as have come.
func (r *Rows) Next(ctx context.Context, dst []byte) ([]byte, error) {
	if r.result.NextRow() {
		r.cut++
		dst, tooLong := wire.AppendRow(dst, r.result.Values())
		if tooLong >= 0 {
			return dst, DataError(r.ses.q.Name, r.schema[tooLong].Name, errTooLong)
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

// Decode appends so many cut rows to the vectors of b, which counts none of them yet.
func (r *Rows) Decode(b *source.Batch, data []byte, rows int) error {
	if column, err := wire.DecodeRows(b, r.decoders, data, rows); err != nil {
		return DataError(r.ses.q.Name, r.schema[column].Name, err)
	}
	return nil
}

// Close ends the reading; its context has ended, or its rows have.
func (r *Rows) Close() {
	_, _ = r.result.Close() // an error of the rows has been returned by Next
}
