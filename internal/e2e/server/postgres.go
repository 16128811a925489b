package server

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

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
	data := filepath.Join(dir, "data")
	if err := run(dir, find("initdb", postgresFolders), "--no-sync", "--auth=trust", "--username=postgres",
		"--encoding=UTF8", "--locale=C.UTF-8", "--pgdata="+data); err != nil {
		return nil, err
	}
	return launch(dir, "ready to accept connections", syscall.SIGQUIT, find("postgres", postgresFolders), "-D", data, "-k", dir,
		"-c", "listen_addresses=", "-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off",
		"-c", "shared_buffers=32MB", "-c", "max_connections=100")
})

// StartPostgres returns an empty database of PostgreSQL, whose texts sort as
// people sort and not by their bytes.
func StartPostgres(t testing.TB) *sql.DB {
	t.Helper()
	if find("initdb", postgresFolders) == "" || find("postgres", postgresFolders) == "" {
		missing(t, "PostgreSQL", "apt-get install postgresql")
	}
	p, err := postgres()
	if err != nil {
		t.Fatalf("start PostgreSQL: %v", err)
	}
	dsn := func(name string) string {
		return fmt.Sprintf("host=%s user=postgres dbname=%s sslmode=disable", p.dir, name)
	}
	return fresh(t, "pgx", dsn("postgres"),
		"create database %s template template0 locale_provider icu icu_locale 'en-US'",
		"drop database %s with (force)", dsn)
}
