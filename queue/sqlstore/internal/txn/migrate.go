package txn

import (
	"context"
	"embed"
	"fmt"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrate applies the versions that the database lacks.
func (tx *Tx) migrate(ctx context.Context, files []string) error {
	if err := tx.Exec(ctx, "create table if not exists exportyard_schema (version integer not null primary key)"); err != nil {
		return fmt.Errorf("make the table of versions: %w", err)
	}
	have, err := tx.version(ctx, len(files))
	if err != nil {
		return err
	}
	for ; have < len(files); have++ {
		text, err := migrations.ReadFile(files[have])
		if err != nil {
			return err
		}
		if err := tx.Exec(ctx, string(text)); err != nil {
			return fmt.Errorf("tables of version %d: %w", have+1, err)
		}
		if err := tx.Exec(ctx, "insert into exportyard_schema (version) values ($1)", have+1); err != nil {
			return err
		}
	}
	return nil
}

// checkVersion reports tables that this code does not know how to use.
func (tx *Tx) checkVersion(ctx context.Context, want int) error {
	have, err := tx.version(ctx, want)
	if err != nil {
		return err
	}
	if have < want {
		return fmt.Errorf("the tables are of version %d, this code needs %d: migrate first", have, want)
	}
	return nil
}

func (tx *Tx) version(ctx context.Context, known int) (int, error) {
	var have int
	err := tx.Conn.QueryRowContext(ctx, "select coalesce(max(version), 0) from exportyard_schema").Scan(&have)
	if err != nil {
		return 0, fmt.Errorf("read the version of the tables: %w", err)
	}
	if have > known {
		return 0, fmt.Errorf("the tables are of version %d, this code knows %d: they were made by newer code", have, known)
	}
	return have, nil
}
