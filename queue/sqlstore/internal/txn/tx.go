package txn

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// A Tx is a transaction.
type Tx struct {
	on      session
	dialect *Dialect
	locks   bool
	// Now is the store's time, the same for the whole transaction, in whole
	// microseconds.
	Now time.Time
}

// ForUpdate ends a select of rows of a table that the transaction may go on to
// change: others wait until it is over. Empty where writers are alone.
func (tx *Tx) ForUpdate(table string) string { return tx.lock(" for update of " + table) }

// ForShare ends a select of rows that others may not change until the transaction
// is over.
func (tx *Tx) ForShare(table string) string { return tx.lock(" for share of " + table) }

// SkipLocked is ForUpdate, but passes rows by that others have locked.
func (tx *Tx) SkipLocked(table string) string {
	return tx.lock(" for update of " + table + " skip locked")
}

// RowLocks reports whether others may have locked rows.
func (tx *Tx) RowLocks() bool { return tx.locks }

func (tx *Tx) lock(clause string) string {
	if !tx.locks {
		return ""
	}
	return clause
}

// Exec runs a statement.
func (tx *Tx) Exec(ctx context.Context, query string, args ...any) error {
	_, err := tx.on.ExecContext(ctx, query, tx.escaped(args)...)
	return err
}

// ErrLostUpdate says that rows are not as they were read. A transaction that
// returns it is begun again.
var ErrLostUpdate = errors.New("the row was changed by another writer")

// Change runs a statement that must change exactly n rows.
func (tx *Tx) Change(ctx context.Context, n int, query string, args ...any) error {
	res, err := tx.on.ExecContext(ctx, query, tx.escaped(args)...)
	if err != nil {
		return err
	}
	changed, err := res.RowsAffected()
	if err != nil {
		return err
	}
	if changed != int64(n) {
		return ErrLostUpdate
	}
	return nil
}

// A Scanner is a row to scan.
type Scanner interface{ Scan(dest ...any) error }

// Row runs a query for one row. Scanning it gives sql.ErrNoRows when there is none.
func (tx *Tx) Row(ctx context.Context, query string, args ...any) Scanner {
	return tx.unescaped(tx.on.QueryRowContext(ctx, query, tx.escaped(args)...))
}

// Collect runs a query and returns what scan makes of its rows.
func Collect[T any](ctx context.Context, tx *Tx, scan func(Scanner) (T, error), query string, args ...any) ([]T, error) {
	rows, err := tx.on.QueryContext(ctx, query, tx.escaped(args)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	row := tx.unescaped(rows)
	var all []T
	for rows.Next() {
		one, err := scan(row)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, rows.Err()
}

// mostRows is how many rows a statement takes at most: few enough for every
// database's limits.
const mostRows = 64

// Pieces cuts a list into pieces of 64, 32, 16 ... rows: a database that
// remembers statements then sees few that differ.
func Pieces[T any](list []T, do func(piece []T) error) error {
	for size := mostRows; len(list) > 0; {
		if size > len(list) {
			size /= 2
			continue
		}
		if err := do(list[:size]); err != nil {
			return err
		}
		list = list[size:]
	}
	return nil
}

// Insert runs an insert, which ends before the word values, for any number of rows.
func (tx *Tx) Insert(ctx context.Context, insert string, rows [][]any) error {
	return Pieces(rows, func(piece [][]any) error {
		list, args := valuesOf(piece, nil)
		return tx.Exec(ctx, insert+list, args...)
	})
}

// ChangeEach runs an update that must change exactly one row for each of the given
// ones. The update joins them as the table v, whose columns are column1, column2
// and so on and have the given types; Blob is that of bytes.
func (tx *Tx) ChangeEach(ctx context.Context, update string, types []string, where string, rows [][]any) error {
	return Pieces(rows, func(piece [][]any) error {
		list, args := valuesOf(piece, tx.types(types))
		return tx.Change(ctx, len(piece), update+" from ("+list+") as v "+where, args...)
	})
}

// Blob stands for the database's type of bytes.
const Blob = "blob"

func (tx *Tx) types(types []string) []string {
	named := make([]string, len(types))
	for i, t := range types {
		if t == Blob {
			t = tx.dialect.blob
		}
		named[i] = t
	}
	return named
}

// valuesOf returns a list of values with their placeholders. The first row names the
// types, if they are given.
func valuesOf(rows [][]any, types []string) (list string, args []any) {
	var b strings.Builder
	b.WriteString("values ")
	for i, row := range rows {
		if i > 0 {
			b.WriteString(", ")
		}
		for k, v := range row {
			separator := ", "
			if k == 0 {
				separator = "("
			}
			args = append(args, v)
			if i == 0 && types != nil {
				fmt.Fprintf(&b, "%scast($%d as %s)", separator, len(args), types[k])
			} else {
				fmt.Fprintf(&b, "%s$%d", separator, len(args))
			}
		}
		b.WriteByte(')')
	}
	return b.String(), args
}
