// Package duckdb runs DuckDB as a process of Node.js, whose package is installed
// into a cache on first use.
package duckdb

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/exportyard/exportyard/internal/bench/internal/process"
	"github.com/exportyard/exportyard/internal/bench/internal/usage"
)

// installTimeout bounds the installation.
const installTimeout = 5 * time.Minute

//go:embed package.json package-lock.json export.mjs
var files embed.FS

// ErrMissing says that Node.js, which runs DuckDB, is not installed.
var ErrMissing = errors.New("node and npm, which run DuckDB, are not installed: apt-get install nodejs npm")

// A DuckDB is a database with the benchmark's table.
type DuckDB struct {
	program  string // the folder with the package
	database string
}

// A Result is what a statement took.
type Result struct {
	Wall, CPU float64 // seconds
	Peak      int64   // bytes, of the whole process
	Rows      int64
}

// New installs DuckDB unless it is, and loads the table into a database in the
// folder.
func New(ctx context.Context, folder string, rows int, seed uint64) (*DuckDB, error) {
	program, err := install(ctx)
	if err != nil {
		return nil, err
	}
	d := &DuckDB{program: program, database: filepath.Join(folder, "usage.duckdb")}
	path := filepath.Join(folder, "usage.csv")
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.Remove(path) }()
	if err := errors.Join(usage.WriteCSV(f, rows, seed), f.Close()); err != nil {
		return nil, err
	}
	_, err = d.node(ctx, new(bytes.Buffer), d.database, "load", usage.Table, usage.DuckDBColumns, path)
	return d, err
}

// Export copies the table to a file, with so many threads.
func (d *DuckDB) Export(ctx context.Context, path, options string, threads int) (Result, process.Usage, error) {
	var out bytes.Buffer
	statement := fmt.Sprintf("copy %s to '%s' (%s)", usage.Table, path, options)
	u, err := d.node(ctx, &out, d.database, strconv.Itoa(threads), statement)
	if err != nil {
		return Result{}, u, err
	}
	var r Result
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		return r, u, fmt.Errorf("the answer of DuckDB: %w", err)
	}
	return r, u, nil
}

func (d *DuckDB) node(ctx context.Context, out *bytes.Buffer, args ...string) (process.Usage, error) {
	cmd := exec.CommandContext(ctx, "node", append([]string{"export.mjs"}, args...)...)
	cmd.Dir, cmd.Stdout = d.program, out
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return process.Usage{}, err
	}
	defer func() { _ = stdin.Close() }()
	return process.Run(ctx, cmd)
}

// install returns the folder where the package is, in the user's cache. Its name
// tells versions apart; a folder that another run has made meanwhile is as good.
func install(ctx context.Context) (string, error) {
	for _, name := range []string{"node", "npm"} {
		if _, err := exec.LookPath(name); err != nil {
			return "", ErrMissing
		}
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	sum := sha256.New()
	names := []string{"package.json", "package-lock.json", "export.mjs"}
	contents := map[string][]byte{}
	for _, name := range names {
		if contents[name], err = files.ReadFile(name); err != nil {
			return "", err
		}
		sum.Write(contents[name])
	}
	dir := filepath.Join(cache, "exportyard-bench", "duckdb-"+hex.EncodeToString(sum.Sum(nil)[:8]))
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return "", err
	}
	building, err := os.MkdirTemp(filepath.Dir(dir), "new-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(building) }()
	for name, data := range contents {
		if err := os.WriteFile(filepath.Join(building, name), data, 0o600); err != nil {
			return "", err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, installTimeout)
	defer cancel()
	npm := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund")
	npm.Dir = building
	if _, err := process.Run(ctx, npm); err != nil {
		return "", fmt.Errorf("install DuckDB: %w", err)
	}
	if err := os.Rename(building, dir); err != nil {
		if _, statErr := os.Stat(dir); statErr != nil {
			return "", err
		}
	}
	return dir, nil
}
