package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
)

// Migrate makes the store's tables or brings them up to date, for hosts that do
// so before they start new code. Several may call it at the same time.
func Migrate(ctx context.Context, db *sql.DB, dialect Dialect) error {
	s, err := newStore(db, dialect, Options{})
	if err == nil {
		err = s.db.Migrate(ctx)
	}
	if err != nil {
		return fmt.Errorf("sqlstore: migrate: %w", err)
	}
	return nil
}

// A Migration is one version of the tables.
type Migration struct {
	// Version counts from 1.
	Version int
	// SQL leads from the version before to this one and notes it. It is several
	// statements, to be run in one transaction.
	SQL string
}

// Migrations returns all versions of the tables, in their order, for hosts that
// change their tables by hand or with a tool of their own: those above the highest
// version in the table exportyard_schema are to be run.
func Migrations(dialect Dialect) ([]Migration, error) {
	d, ok := dialects[dialect]
	if !ok {
		return nil, fmt.Errorf("sqlstore: unknown dialect %q", string(dialect))
	}
	texts, err := d.Migrations()
	if err != nil {
		return nil, fmt.Errorf("sqlstore: %w", err)
	}
	all := make([]Migration, len(texts))
	for i, text := range texts {
		all[i] = Migration{Version: i + 1, SQL: text}
	}
	return all, nil
}
