package server

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	// The driver of the databases that StartPostgres opens.
	_ "github.com/jackc/pgx/v5/stdlib"
)

// PostgreSQL's programs are not in PATH on Debian.
const postgresFolders = "/usr/lib/postgresql/*/bin"

var postgres = sync.OnceValues(func() (*process, error) {
	dir, err := folder("pg")
	if err != nil {
		return nil, err
	}
	if err := initPostgres(dir); err != nil {
		return nil, err
	}
	return launchPostgres(dir, "-c", "synchronous_commit=off")
})

func initPostgres(dir string) error {
	return run(dir, find("initdb", postgresFolders), "--no-sync", "--auth=trust", "--username=postgres",
		"--encoding=UTF8", "--locale=C.UTF-8", "--pgdata="+filepath.Join(dir, "data"))
}

// launchPostgres starts a server that keeps what it has committed when it crashes,
// though not when the machine does, unless more says otherwise.
func launchPostgres(dir string, more ...string) (*process, error) {
	return launch(dir, "ready to accept connections", syscall.SIGQUIT, find("postgres", postgresFolders), append([]string{
		"-D", filepath.Join(dir, "data"), "-k", dir, "-c", "listen_addresses=", "-c", "fsync=off", "-c", "full_page_writes=off",
		"-c", "shared_buffers=32MB", "-c", "max_connections=100",
	}, more...)...)
}

// A Postgres is a server of one test's own, which can be stopped as by a crash
// and started again with its data.
type Postgres struct {
	dir     string
	process *process
}

// OwnPostgres starts a server for this test alone.
func OwnPostgres(t testing.TB) *Postgres {
	t.Helper()
	needPostgres(t)
	dir, err := folder("own")
	if err == nil {
		err = initPostgres(dir)
	}
	if err != nil {
		t.Fatalf("start PostgreSQL: %v", err)
	}
	p := &Postgres{dir: dir}
	p.Start(t)
	t.Cleanup(func() { p.process.stop() })
	return p
}

// DSN says how to connect to it.
func (p *Postgres) DSN() string {
	return fmt.Sprintf("host=%s user=postgres dbname=postgres sslmode=disable", p.dir)
}

// Start starts the server again.
func (p *Postgres) Start(t testing.TB) {
	t.Helper()
	process, err := launchPostgres(p.dir)
	if err != nil {
		t.Fatalf("start PostgreSQL: %v", err)
	}
	p.process = process
}

// Stop ends the server at once, as a crash does.
func (p *Postgres) Stop() { p.process.halt() }

func needPostgres(t testing.TB) {
	t.Helper()
	if find("initdb", postgresFolders) == "" || find("postgres", postgresFolders) == "" {
		missing(t, "PostgreSQL", "apt-get install postgresql")
	}
}

// StartPostgres returns an empty database of PostgreSQL, whose texts sort as
// people sort and not by their bytes.
func StartPostgres(t testing.TB) *sql.DB {
	t.Helper()
	db, _ := startPostgres(t)
	return db
}

// StartPostgresPool returns the same as a pool of connections of pgx, and how
// others connect to it.
func StartPostgresPool(t testing.TB) (pool *pgxpool.Pool, dsn string) {
	t.Helper()
	_, dsn = startPostgres(t)
	pool, err := pgxpool.New(context.Background(), dsn+" pool_max_conns=16")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool, dsn
}

func startPostgres(t testing.TB) (db *sql.DB, dsn string) {
	t.Helper()
	needPostgres(t)
	p, err := postgres()
	if err != nil {
		t.Fatalf("start PostgreSQL: %v", err)
	}
	connect := func(name string) string {
		dsn = fmt.Sprintf("host=%s user=postgres dbname=%s sslmode=disable", p.dir, name)
		return dsn
	}
	db = fresh(t, "pgx", connect("postgres"),
		"create database %s template template0 locale_provider icu icu_locale 'en-US'",
		"drop database %s with (force)", connect)
	return db, dsn
}
