// Package server runs a PostgreSQL of the benchmark's own: on a Unix socket in a
// folder that goes with it, with the settings of a server in production except that
// nothing needs to survive a crash.
package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/exportyard/exportyard/internal/bench/internal/process"
	"github.com/exportyard/exportyard/internal/bench/internal/usage"
)

// ErrMissing says that PostgreSQL is not installed.
var ErrMissing = errors.New("PostgreSQL is not installed: apt-get install postgresql")

// PostgreSQL's programs are not in PATH on Debian.
const folders = "/usr/lib/postgresql/*/bin"

// A Server is a running PostgreSQL with the benchmark's table.
type Server struct {
	dir     string
	service *process.Service
}

// Installed reports whether there is a PostgreSQL to start.
func Installed() bool { return find("initdb") != "" && find("postgres") != "" }

// Start makes a cluster in a new folder and starts it. Its cache holds a table of
// so many rows.
func Start(ctx context.Context, rows int) (_ *Server, err error) {
	if !Installed() {
		return nil, ErrMissing
	}
	// The name of a socket has room for about a hundred characters.
	dir, err := os.MkdirTemp("", "exportyard-bench-pg-")
	if err != nil {
		return nil, err
	}
	s := &Server{dir: dir}
	defer func() {
		if err != nil {
			s.Stop()
		}
	}()
	if err := process.GiveToServer(dir); err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "data")
	cmd := exec.CommandContext(ctx, find("initdb"), "--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8", "--pgdata="+data)
	cmd.Dir = dir
	process.AsServer(cmd)
	if _, err := process.Run(ctx, cmd); err != nil {
		return nil, err
	}
	args := []string{"-D", data, "-k", dir}
	for _, setting := range settings(rows) {
		args = append(args, "-c", setting)
	}
	serve := exec.CommandContext(context.WithoutCancel(ctx), find("postgres"), args...) // it ends by Stop
	serve.Dir = dir
	s.service, err = process.Start(serve, "ready to accept connections", syscall.SIGQUIT)
	return s, err
}

// settings are those of a server in production that has memory for the table.
// Nothing works in the background while others are measured.
func settings(rows int) []string {
	const rowBytes = 900 // of the two tables, with room
	cache := 128 + int64(rows)*rowBytes>>20
	return []string{
		"listen_addresses=", "max_connections=50", fmt.Sprintf("shared_buffers=%dMB", cache), "effective_cache_size=2GB", "work_mem=16MB",
		"maintenance_work_mem=256MB", "max_wal_size=16GB", "checkpoint_timeout=1h", "wal_level=minimal", "max_wal_senders=0",
		"fsync=off", "synchronous_commit=off", "full_page_writes=off", "autovacuum=off", "log_checkpoints=off",
	}
}

// Stop ends the server and removes its folder.
func (s *Server) Stop() {
	if s.service != nil {
		s.service.Stop()
	}
	_ = os.RemoveAll(s.dir)
}

// Host is the folder of the socket, as libpq's -h takes it.
func (s *Server) Host() string { return s.dir }

// DSN says how to connect to it.
func (s *Server) DSN() string {
	return fmt.Sprintf("host=%s user=postgres dbname=postgres sslmode=disable", s.dir)
}

// PID is the server's first process.
func (s *Server) PID() int { return s.service.PID() }

// CPU returns the CPU time of the server and all its backends so far.
func (s *Server) CPU() (time.Duration, error) { return process.FamilyCPU(s.service.PID()) }

// Load makes the table, fills it, and has it in the cache; and a second one of its
// first rows, small of them, if it has more.
func (s *Server) Load(ctx context.Context, rows, small int, seed uint64) (err error) {
	conn, err := pgx.Connect(ctx, s.DSN())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	// In the transaction that makes the table its rows need no log.
	if _, err := conn.Exec(ctx, "begin; "+usage.CreateTable); err != nil {
		return err
	}
	r, w := io.Pipe()
	go func() { _ = w.CloseWithError(usage.WriteCSV(w, rows, seed)) }() // ends with the reader
	defer func() { _ = r.Close() }()
	tag, err := conn.PgConn().CopyFrom(ctx, r, "copy "+usage.Table+" from stdin with (format csv, header true, freeze true)")
	if err != nil {
		return err
	}
	if tag.RowsAffected() != int64(rows) {
		return fmt.Errorf("the server took %d rows of %d", tag.RowsAffected(), rows)
	}
	if _, err := conn.Exec(ctx, "commit"); err != nil {
		return err
	}
	if err := settle(ctx, conn, usage.Table); err != nil || small >= rows {
		return err
	}
	if _, err := conn.Exec(ctx, fmt.Sprintf("create table %s as select * from %s limit %d", usage.SmallTable, usage.Table, small)); err != nil {
		return err
	}
	return settle(ctx, conn, usage.SmallTable)
}

// settle leaves nothing to do for whoever reads the table first.
func settle(ctx context.Context, conn *pgx.Conn, table string) error {
	for _, statement := range []string{
		"vacuum (freeze, analyze) " + table,
		"checkpoint",
		// A scan of a large table passes the cache by, so that it has to be filled.
		"create extension if not exists pg_prewarm",
		"select pg_prewarm('" + table + "')",
		"select count(*) from " + table,
	} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

// Version is the server's own.
func (s *Server) Version(ctx context.Context) (version string, err error) {
	conn, err := pgx.Connect(ctx, s.DSN())
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	err = conn.QueryRow(ctx, "show server_version").Scan(&version)
	return version, err
}

// find returns the path of a program of PostgreSQL.
func find(name string) string {
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	if paths, _ := filepath.Glob(filepath.Join(folders, name)); len(paths) > 0 {
		return paths[len(paths)-1]
	}
	return ""
}
