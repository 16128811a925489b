package session

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/pgsource/internal/statement"
)

var (
	errTooLong = fmt.Errorf("a value over %d bytes", source.MaxCell)
	errRow     = fmt.Errorf("a row over %d bytes", maxRow)
)

// Conditions of PostgreSQL, by their SQLSTATE.
const (
	undefinedColumn = "42703"
	undefinedTable  = "42P01"
	queryCanceled   = "57014"
	readOnly        = "25006"
	noFeature       = "0A"
	dataException   = "22"
	accessRule      = "42" // the statement does not fit what is there, or may not be run
)

// Failed says what an error of the database means: [source.DataError] and
// [source.ErrUnsupported] for what will not pass, context.DeadlineExceeded for a
// statement that took too long, and else the error itself, which may pass.
func (s *Session) Failed(ctx context.Context, verb, sql string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var long *pgproto3.ExceededMaxBodyLenErr
	if errors.As(err, &long) {
		return DataError(s.q.Name, "", errRow)
	}
	wrapped := fmt.Errorf("pgsource: %s dataset %q: %w", verb, s.q.Name, err)
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return wrapped
	}
	switch {
	case pg.Code == queryCanceled:
		return errors.Join(wrapped, context.DeadlineExceeded)
	case pg.Code == undefinedColumn && statement.NameAt(sql, int(pg.Position)) != "":
		column := statement.NameAt(sql, int(pg.Position))
		return &source.DataError{Dataset: s.q.Name, Column: column, Rule: "the table or query has no such column any more"}
	case pg.Code == undefinedTable && sql != "" && s.q.Plain != "":
		return fmt.Errorf("%w: %w", wrapped, source.ErrUnknownDataset)
	case strings.HasPrefix(pg.Code, dataException):
		// The message may quote the value.
		return &source.DataError{Dataset: s.q.Name, Rule: "the database refuses a value of the query, with SQLSTATE " + pg.Code}
	case strings.HasPrefix(pg.Code, accessRule), strings.HasPrefix(pg.Code, noFeature), pg.Code == readOnly:
		return fmt.Errorf("%w: %w", wrapped, source.ErrUnsupported)
	}
	return wrapped
}

// DataError is the error about a value that its field cannot hold.
func DataError(dataset, column string, err error) error {
	e := &source.DataError{Dataset: dataset, Column: column, Rule: err.Error()}
	if errors.Is(err, source.ErrDigits) {
		e.Rule, e.Err = strings.TrimSuffix(err.Error(), ": "+source.ErrDigits.Error()), source.ErrDigits
	}
	return e
}
