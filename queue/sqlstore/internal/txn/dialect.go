package txn

import (
	"context"
	"database/sql"
	"time"
)

// A Dialect is what differs between databases. Statements are written once for
// all: placeholders are $1, $2 and so on, numbered as they first appear.
type Dialect struct {
	// prepare makes the database ready for use by a store.
	prepare func(ctx context.Context, d *Database) error
	// settle makes a connection ready for one transaction that may wait so long for
	// a lock. It returns how long the connection itself waits before it gives up.
	settle func(ctx context.Context, conn *sql.Conn, lockWait time.Duration) (time.Duration, error)
	// beginRead starts a transaction that sees one state of the database, and
	// beginWrite one that may change it.
	beginRead, beginWrite string
	// lock ends a select of rows that the transaction goes on to change, where
	// beginWrite alone does not keep others from changing them.
	lock string
	// now returns the database's time.
	now func(ctx context.Context, conn *sql.Conn) (time.Time, error)
	// migrations are the files of the tables' versions, from 1.
	migrations []string
}
