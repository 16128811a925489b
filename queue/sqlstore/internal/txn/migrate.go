package txn

import (
	"context"
	"embed"
	"fmt"

	"github.com/exportyard/exportyard/queue/operator"
)

//go:embed migrations/*.sql
var migrations embed.FS

const makeSchemaTable = "create table if not exists exportyard_schema (version integer not null primary key)"

// versions names the files of n versions.
func versions(dialect string, n int) []string {
	files := make([]string, n)
	for i := range files {
		files[i] = fmt.Sprintf("migrations/%s_%04d.sql", dialect, i+1)
	}
	return files
}

// Migrations returns what each version changes, from version 1 on, as SQL that also
// notes the version.
func (d *Dialect) Migrations() ([]string, error) {
	all := make([]string, len(d.migrations))
	for i, file := range d.migrations {
		text, err := migrations.ReadFile(file)
		if err != nil {
			return nil, err
		}
		all[i] = string(text)
		if i == 0 {
			all[i] = makeSchemaTable + ";\n\n" + all[i]
		}
		all[i] += fmt.Sprintf("\ninsert into exportyard_schema (version) values (%d);\n", i+1)
	}
	return all, nil
}

// migrate applies the versions that the database lacks.
func (tx *Tx) migrate(ctx context.Context) error {
	if tx.dialect.migrateLock != "" {
		if err := tx.Exec(ctx, tx.dialect.migrateLock); err != nil {
			return fmt.Errorf("wait for others that migrate: %w", err)
		}
	}
	if err := tx.Exec(ctx, makeSchemaTable); err != nil {
		return fmt.Errorf("make the table of versions: %w", err)
	}
	files, err := tx.dialect.Migrations()
	if err != nil {
		return err
	}
	have, err := tx.version(ctx, len(files))
	if err != nil {
		return err
	}
	for ; have < len(files); have++ {
		if err := tx.Exec(ctx, files[have]); err != nil {
			return fmt.Errorf("tables of version %d: %w", have+1, err)
		}
	}
	return nil
}

var errNoTables = fmt.Errorf("there are no tables: call Migrate, or run the SQL that Migrations gives: %w", operator.ErrUnfit)

// checkVersion reports tables of another version than this code's.
func (tx *Tx) checkVersion(ctx context.Context, want int) error {
	have, err := tx.version(ctx, want)
	if stateOf(err) == "42P01" { // there is no such table
		return fmt.Errorf("%w: %w", errNoTables, err)
	}
	if err != nil {
		return err
	}
	if have < want {
		return fmt.Errorf("the tables are of version %d, this code needs %d: migrate first, by Migrate or with the SQL that Migrations gives: %w", have, want, operator.ErrUnfit)
	}
	return nil
}

func (tx *Tx) version(ctx context.Context, known int) (int, error) {
	var have int
	err := tx.Row(ctx, "select coalesce(max(version), 0) from exportyard_schema").Scan(&have)
	if err != nil {
		return 0, fmt.Errorf("read the version of the tables: %w", err)
	}
	if have > known {
		return 0, fmt.Errorf("the tables are of version %d, this code knows %d: they were made by newer code, start that: %w", have, known, operator.ErrUnfit)
	}
	return have, nil
}
