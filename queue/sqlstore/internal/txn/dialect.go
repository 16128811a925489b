package txn

import (
	"context"
	"database/sql"
	"time"
)

// A Dialect is what differs between databases. Statements are written once for
// all: placeholders are $1, $2 and so on, numbered as they first appear.
type Dialect struct {
	// prepare makes the database ready for use by a store; nil where nothing is to do.
	prepare func(ctx context.Context, d *Database) error
	// settle makes a connection ready for one transaction that may wait so long for
	// a lock. It returns how long the connection itself waits before it gives up.
	settle func(ctx context.Context, conn *sql.Conn, lockWait time.Duration) (time.Duration, error)
	// beginRead starts a transaction that sees one state of the database, and
	// beginWrite one that may change it.
	beginRead, beginWrite func(lockWait time.Duration) string
	// now returns the database's time.
	now func(ctx context.Context, on session) (time.Time, error)
	// oneWriter says that the database lets one transaction write at a time. Where
	// it does not, rows are locked one by one.
	oneWriter bool
	// escapes says that not every string is a text of the database, see escape.
	escapes bool
	// blob is the type of bytes.
	blob string
	// opens says that opening a store brings its tables up to date.
	opens bool
	// isMade asks whether there are tables at all, where a transaction cannot begin
	// without them; empty elsewhere.
	isMade string
	// migrations are the files of the tables' versions, from 1, and migrateLock is
	// the statement that keeps two hosts from applying them at the same time.
	migrations  []string
	migrateLock string
}
