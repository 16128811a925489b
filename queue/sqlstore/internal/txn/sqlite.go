package txn

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// sqliteSlice is how long SQLite itself waits for a lock. It does not look at the
// context meanwhile, so the rest of the store's wait is waited in such slices.
const sqliteSlice = 500 * time.Millisecond

// SQLite is SQLite 3.35 or newer, in a file.
var SQLite = Dialect{
	prepare: prepareSQLite,
	settle:  settleSQLite,
	// The select takes the snapshot, so that a wait for it, which only the recovery
	// after a crash causes, happens here.
	beginRead: func(time.Duration) string { return "begin; select count(*) from exportyard_schema" },
	// A plain begin would read first and then fail to become the writer. With less
	// than full a commit is answered before it is on the disk.
	beginWrite: func(time.Duration) string { return "pragma synchronous = full; begin immediate" },
	// SQLite has no server: the host's clock is its clock.
	now:        func(context.Context, session) (time.Time, error) { return time.Now(), nil },
	oneWriter:  true,
	blob:       "blob",
	opens:      true,
	isMade:     "select count(*) from sqlite_master where type = 'table' and name = 'exportyard_schema'",
	migrations: versions("sqlite", 9),
}

// prepareSQLite turns the write-ahead log on. It lasts with the file.
func prepareSQLite(ctx context.Context, d *Database) error {
	conn, err := d.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	slice, err := settleSQLite(ctx, conn, d.lockWait)
	if err != nil {
		return err
	}
	var mode string
	err = d.patiently(ctx, slice, func() error {
		return conn.QueryRowContext(ctx, "pragma journal_mode").Scan(&mode)
	})
	if err == nil && mode != "wal" {
		mode, err = d.turnOnWAL(ctx, conn)
	}
	if err != nil {
		return fmt.Errorf("write-ahead log: %w", err)
	}
	if mode != "wal" {
		return fmt.Errorf("the database cannot have a write-ahead log (journal mode %q): give it a file", mode)
	}
	return nil
}

// turnOnWAL needs the file alone for a moment, and unlike other statements does
// not wait for that. Of several processes that start on a new file one succeeds, and
// the others see that it did.
func (d *Database) turnOnWAL(ctx context.Context, conn *sql.Conn) (mode string, err error) {
	pause := time.NewTicker(20 * time.Millisecond)
	defer pause.Stop()
	for end := time.Now().Add(min(d.lockWait, 10*time.Second)); ; {
		err = conn.QueryRowContext(ctx, "pragma journal_mode = wal").Scan(&mode)
		if err == nil || ctx.Err() != nil || time.Now().After(end) {
			return mode, err
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}

// settleSQLite raises how long a connection waits for a lock, if that is less than a
// slice. It does not look at the file, so that it waits for no lock itself.
func settleSQLite(ctx context.Context, conn *sql.Conn, lockWait time.Duration) (time.Duration, error) {
	var milliseconds int64
	if err := conn.QueryRowContext(ctx, "pragma busy_timeout").Scan(&milliseconds); err != nil {
		return 0, err
	}
	wait := time.Duration(milliseconds) * time.Millisecond
	slice := min(sqliteSlice, max(lockWait, time.Millisecond)).Truncate(time.Millisecond)
	if wait >= slice {
		return wait, nil
	}
	_, err := conn.ExecContext(ctx, fmt.Sprintf("pragma busy_timeout = %d", slice.Milliseconds()))
	return slice, err
}
