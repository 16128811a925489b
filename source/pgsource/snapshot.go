package pgsource

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/pgsource/internal/session"
)

var (
	_ source.Snapshotter = (*Source)(nil)
	_ source.Snapshot    = (*snapshot)(nil)
	_ source.Counter     = (*snapshot)(nil)
	_ source.Splitter    = (*snapshot)(nil)
	_ source.Spanner     = (*snapshot)(nil)
)

// defaultSnapshots is how many snapshots are held unless the options say otherwise.
const defaultSnapshots = 8

// closeTimeout bounds the closing of a connection.
const closeTimeout = 5 * time.Second

// A snapshot is the source as an exported snapshot shows it. The connection that
// exported it belongs to none but it, since one of the pool might be missed there
// by the readers.
type snapshot struct {
	view
	release func() // of one that is held here
}

// Snapshot exports a snapshot from a transaction of its own, which lasts until
// the snapshot is closed, on a connection of its own beside the pool; or finds
// one by the name that pg_export_snapshot gave it, in whatever process.
func (s *Source) Snapshot(ctx context.Context, name string) (source.Snapshot, error) {
	if name != "" {
		return s.find(ctx, name)
	}
	if s.held.Add(1) > int64(s.opts.Snapshots) {
		s.held.Add(-1)
		return nil, fmt.Errorf("pgsource: hold another snapshot beside %d: %w", s.opts.Snapshots, source.ErrSnapshotLimit)
	}
	conn, name, err := s.export(ctx)
	if err != nil {
		s.held.Add(-1)
		return nil, err
	}
	return &snapshot{view: view{s.shared, name}, release: sync.OnceFunc(func() {
		ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
		defer cancel()
		// The end of the connection ends the transaction as well, but later.
		_ = conn.PgConn().Exec(ctx, "rollback").Close()
		_ = conn.Close(ctx)
		s.held.Add(-1)
	})}, nil
}

// export begins the transaction that holds a snapshot.
func (s *Source) export(ctx context.Context) (conn *pgx.Conn, name string, err error) {
	config := s.pool.Config()
	if config.BeforeConnect != nil {
		if err := config.BeforeConnect(ctx, config.ConnConfig); err != nil {
			return nil, "", fmt.Errorf("pgsource: connect for a snapshot: %w", err)
		}
	}
	if conn, err = pgx.ConnectConfig(ctx, config.ConnConfig); err != nil {
		return nil, "", fmt.Errorf("pgsource: connect for a snapshot: %w", err)
	}
	defer func() {
		if err != nil {
			_ = conn.Close(ctx) // a failed export is closed in any way
		}
	}()
	if _, err = conn.PgConn().Exec(ctx, session.BeginSnapshot).ReadAll(); err == nil {
		err = conn.QueryRow(ctx, "select pg_catalog.pg_export_snapshot()").Scan(&name)
	}
	var pg *pgconn.PgError
	switch {
	case err == nil:
		return conn, name, nil
	case ctx.Err() != nil:
		err = ctx.Err()
	case errors.As(err, &pg) && (strings.HasPrefix(pg.Code, "0A") || strings.HasPrefix(pg.Code, "55")):
		err = fmt.Errorf("pgsource: export a snapshot: %w: %w", err, source.ErrUnsupported) // from a standby, say
	default:
		err = fmt.Errorf("pgsource: export a snapshot: %w", err)
	}
	return nil, "", err
}

// find makes sure that a snapshot is held.
func (s *Source) find(ctx context.Context, name string) (source.Snapshot, error) {
	if err := session.Check(ctx, s.pool, name); err != nil {
		return nil, err
	}
	return &snapshot{view: view{s.shared, name}, release: func() {}}, nil
}

// Name is what pg_export_snapshot called it.
func (s *snapshot) Name() string { return s.snapshot }

// Close ends the transaction that holds the snapshot.
func (s *snapshot) Close() error {
	s.release()
	return nil
}
