package server

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	// The driver of the databases that StartMySQL opens.
	_ "github.com/go-sql-driver/mysql"
)

var mysql = sync.OnceValues(func() (*process, error) {
	dir, err := folder("my")
	if err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "data")
	if err := run(dir, find("mariadb-install-db"), "--no-defaults", "--datadir="+data,
		"--auth-root-authentication-method=normal", "--skip-test-db"); err != nil {
		return nil, err
	}
	return launch(dir, "ready for connections", syscall.SIGKILL, find("mariadbd", "/usr/sbin"), "--no-defaults", "--datadir="+data,
		"--socket="+socket(dir), "--pid-file="+filepath.Join(dir, "pid"), "--skip-networking", "--back-log=200", "--skip-log-bin",
		"--character-set-server=utf8mb4", "--collation-server=utf8mb4_general_ci", "--default-time-zone=+05:30",
		"--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=32M", "--innodb-use-native-aio=0")
})

func socket(dir string) string { return filepath.Join(dir, "s") }

// StartMySQL returns an empty database of MariaDB. Its texts overlook case, and
// its sessions begin in a zone of India: what depends on either shows.
func StartMySQL(t testing.TB) *sql.DB {
	t.Helper()
	if find("mariadb-install-db") == "" || find("mariadbd", "/usr/sbin") == "" {
		missing(t, "MariaDB", "apt-get install mariadb-server")
	}
	p, err := mysql()
	if err != nil {
		t.Fatalf("start MariaDB: %v", err)
	}
	dsn := func(name string) string { return fmt.Sprintf("root@unix(%s)/%s", socket(p.dir), name) }
	return fresh(t, "mysql", dsn(""), "create database %s", "drop database %s", dsn)
}
