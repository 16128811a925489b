// Package task is what one process of this program does for one figure: export the
// table, by exportyard or as a typical Go program would.
package task

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/exportyard/exportyard/internal/bench/internal/process"
)

// Variable is the environment variable that gives a process of this program its task.
const Variable = "EXPORTYARD_BENCH_TASK"

// A Task is an export.
type Task struct {
	// Kind is who exports.
	Kind Kind
	// Source is where the rows come from.
	Source Source
	// DSN says how to connect to the server.
	DSN string
	// Server is its first process, whose CPU time is to be told.
	Server int
	// Table is the name of the table.
	Table string
	// Rows is how many there are; of rows from memory, how many to make.
	Rows int
	// Seed of rows from memory.
	Seed uint64
	// Format is one of csv, ndjson, json, parquet and xlsx.
	Format string
	// Codec around the file: none, gzip or zstd.
	Codec string
	// Level of the codec; 0 is its default.
	Level int
	// Connections is how many read ranges of the table at once.
	Connections int
	// Folder is where the file goes.
	Folder string
	// Profile is where to leave a CPU profile; empty for none.
	Profile string
}

// A Kind is who exports.
type Kind string

// The kinds.
const (
	Ours     Kind = "ours"
	Naive    Kind = "naive"
	Excelize Kind = "excelize"
	// OurEncoder and NaiveEncoder encode rows in memory and write no file.
	OurEncoder   Kind = "our encoder"
	NaiveEncoder Kind = "naive encoder"
)

// A Source is where rows come from.
type Source string

// The sources: pgsource, sqlsource over database/sql, and rows in memory.
const (
	PostgreSQL  Source = "pgsource"
	DatabaseSQL Source = "sqlsource"
	Memory      Source = "memory"
)

// A Result is what an export took.
type Result struct {
	Wall   float64 // seconds from the opening of the source to the commit of the file
	CPU    float64 // seconds of this process in that time
	Server float64 // CPU seconds of the server in that time
	// Before and After are the seconds that the engine took before, to plan and
	// count, and after, to read the file back.
	Before, After float64
	Mallocs       uint64 // in Wall
	Peak          int64  // bytes of memory, of the whole process
	Rows          int64
	Bytes         int64 // of the file
}

// Main does the task that the environment names, prints its result and ends the
// process; it returns when there is none.
func Main() {
	text := os.Getenv(Variable)
	if text == "" {
		return
	}
	// The end of who asked is the end of this process's input.
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(3)
	}()
	var t Task
	err := json.Unmarshal([]byte(text), &t)
	var r Result
	if err == nil {
		r, err = t.run(context.Background())
	}
	if err == nil {
		r.Peak = process.PeakMemory(os.Getpid())
		err = json.NewEncoder(os.Stdout).Encode(r)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func (t Task) run(ctx context.Context) (_ Result, err error) {
	stop, err := t.profile()
	if err != nil {
		return Result{}, err
	}
	defer stop()
	switch t.Kind {
	case Ours:
		return t.ours(ctx)
	case Naive:
		return t.naive(ctx)
	case Excelize:
		return t.excelize()
	case OurEncoder, NaiveEncoder:
		return t.encode()
	}
	return Result{}, fmt.Errorf("nobody is called %q", t.Kind)
}
