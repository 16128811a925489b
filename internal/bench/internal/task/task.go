// Package task is what this program and the processes that it measures say to each
// other: what to export, and what it took.
//
// Exports of ours and those of others are made by two programs, so that the memory
// of ours does not hold the code of all the libraries that it is measured against.
package task

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"github.com/exportyard/exportyard/internal/bench/internal/process"
)

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
	// Format is one of csv, ndjson, json, parquet and xlsx; for Naive also "json
	// maps", a document made of maps instead of structs.
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

// Ours reports whether our own program does the task.
func (k Kind) Ours() bool { return k == Ours || k == OurEncoder }

// A Source is where rows come from.
type Source string

// The sources: pgsource, sqlsource over database/sql, and rows in memory.
const (
	PostgreSQL  Source = "pgsource"
	DatabaseSQL Source = "sqlsource"
	Memory      Source = "memory"
)

const (
	// MemoryRows is how many rows lie in memory, to be given again and again.
	MemoryRows = 2048
	// EncoderPasses is how often an encoder writes its rows.
	EncoderPasses = 5
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

// A Point is a moment of this process.
type Point struct {
	process.Mark
	mallocs uint64
	server  time.Duration // CPU of the server's processes
}

// Here is the present moment.
func (t Task) Here() Point {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	var p Point
	if t.Server != 0 {
		// What cannot be read is missed in the sum and seen there.
		p.server, _ = process.FamilyCPU(t.Server)
	}
	p.Mark, p.mallocs = process.Here(), m.Mallocs
	return p
}

// Fill notes what lies between two points.
func (r *Result) Fill(from, to Point) {
	r.Wall, r.CPU = to.Since(from.Mark)
	r.Server = (to.server - from.server).Seconds()
	r.Mallocs = to.mallocs - from.mallocs
}

// Main does the task that the first argument is, with run, and prints its result.
// It is all that the main function of a measured program calls.
func Main(run func(context.Context, Task) (Result, error)) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The end of who asked is the end of this process's input.
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(3)
	}()
	if err := do(ctx, run); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func do(ctx context.Context, run func(context.Context, Task) (Result, error)) error {
	if len(os.Args) != 2 {
		return fmt.Errorf("want a task, as go run ./internal/bench gives it")
	}
	var t Task
	if err := json.Unmarshal([]byte(os.Args[1]), &t); err != nil {
		return fmt.Errorf("read the task: %w", err)
	}
	r, err := run(ctx, t)
	if err != nil {
		return err
	}
	r.Peak = process.PeakMemory(os.Getpid())
	return json.NewEncoder(os.Stdout).Encode(r)
}
