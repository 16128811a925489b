package txn

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// idleLimit is how long a transaction may do nothing before the server ends it.
// A process that is stopped in the middle of one would else keep its locks.
const idleLimit = 10 * time.Second

// PostgreSQL is PostgreSQL 12 or newer.
var PostgreSQL = Dialect{
	settle: func(_ context.Context, _ *sql.Conn, lockWait time.Duration) (time.Duration, error) {
		return lockWait, nil
	},
	beginRead: func(time.Duration) string {
		return "begin isolation level repeatable read read only"
	},
	// Rows are locked before they are judged, and a statement sees what was committed
	// before it began: with a stricter level, which the server may be set to, writers
	// would fail where they now wait.
	beginWrite: func(lockWait time.Duration) string {
		return fmt.Sprintf("begin isolation level read committed read write; set local lock_timeout = %d; set local idle_in_transaction_session_timeout = %d",
			max(lockWait.Milliseconds(), 1), idleLimit.Milliseconds())
	},
	now: func(ctx context.Context, on session) (time.Time, error) {
		var micros int64
		err := on.QueryRowContext(ctx, "select cast(extract(epoch from clock_timestamp()) * 1000000 as bigint)").Scan(&micros)
		return time.UnixMicro(micros), err
	},
	escapes:    true,
	blob:       "bytea",
	migrations: versions("postgres", 8),
	// The number is this library's alone, and means nothing.
	migrateLock: "select pg_advisory_xact_lock(7306646081163329345)",
}
