// Package runner runs one case once, in processes of its own, and measures it.
package runner

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/exportyard/exportyard/internal/bench/internal/contest"
	"github.com/exportyard/exportyard/internal/bench/internal/duckdb"
	"github.com/exportyard/exportyard/internal/bench/internal/process"
	"github.com/exportyard/exportyard/internal/bench/internal/server"
	"github.com/exportyard/exportyard/internal/bench/internal/task"
	"github.com/exportyard/exportyard/internal/bench/internal/usage"
)

// limit bounds one run.
const limit = 15 * time.Minute

// A Sample is what one run took.
type Sample struct {
	Wall   float64 // seconds
	CPU    float64 // seconds of the program
	Server float64 // CPU seconds of the database server
	Peak   int64   // bytes of memory, of the largest process
	Bytes  int64   // of the file
	Rows   int64
	// Mallocs is how many allocations there were, -1 where nobody knows.
	Mallocs float64
	// Before and After are the seconds that an export of ours needs to plan and
	// count, and to read the file back. They are not in Wall.
	Before, After float64
	// Span is how many seconds the processes ran altogether, and Others how much
	// of a core everything else on the machine took meanwhile.
	Span, Others float64
}

// A Runner runs cases.
type Runner struct {
	Server *server.Server
	Rows   int
	// XLSXRows is how many of them a workbook has at most.
	XLSXRows int
	Seed     uint64
	// Programs make the exports of tasks.
	Programs Programs
	// DuckDB has the same table; nil when it is not installed, for the reason
	// NoDuckDB.
	DuckDB   *duckdb.DuckDB
	NoDuckDB error
	// Folder is where files go for the time of a run.
	Folder string
	// Profiles is where to leave CPU profiles of our runs; empty for none.
	Profiles string
}

// Missing says what to install for a case, and nothing when all is there.
func (r *Runner) Missing(c contest.Case) string {
	switch {
	case c.DuckDB.Threads > 0 && r.DuckDB == nil && r.NoDuckDB != nil:
		return r.NoDuckDB.Error()
	case c.Psql != nil && !installed("psql"):
		return "psql is not installed: apt-get install postgresql-client"
	case c.Psql != nil && len(c.Psql.Command) > 0 && !installed(c.Psql.Command[0]):
		return fmt.Sprintf("%s is not installed: apt-get install %s", c.Psql.Command[0], c.Psql.Package)
	}
	return ""
}

func installed(name string) bool {
	_, err := exec.LookPath(name)
	return err == nil
}

// Run runs a case and removes what it has written.
func (r *Runner) Run(ctx context.Context, o contest.Output, c contest.Case) (s Sample, err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	dir, err := os.MkdirTemp(r.Folder, "run-")
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	machine, err := process.MachineCPU()
	if err != nil {
		return s, err
	}
	served, err := r.Server.CPU()
	if err != nil {
		return s, err
	}
	self := process.Here()
	var all process.Usage
	switch {
	case c.Task != nil:
		s, all, err = r.task(ctx, o, *c.Task, dir)
	case c.Psql != nil:
		s, all, err = r.psql(ctx, c.Psql, dir)
	case c.DuckDB.Threads > 0:
		s, all, err = r.duckdb(ctx, c.DuckDB, dir)
	default:
		err = fmt.Errorf("%s: nothing to run", c.Name)
	}
	if err != nil {
		return s, err
	}
	wall, own := process.Here().Since(self)
	machineNow, err := process.MachineCPU()
	if err != nil {
		return s, err
	}
	servedNow, err := r.Server.CPU()
	if err != nil {
		return s, err
	}
	all.CPU += (servedNow - served).Seconds()
	if c.Task == nil {
		s.Server = (servedNow - served).Seconds()
	}
	s.Span = wall
	s.Others = max(0, (machineNow-machine).Seconds()-all.CPU-own) / wall
	return s, nil
}

// RowsOf is how many rows a case of an output has.
func (r *Runner) RowsOf(o contest.Output) int {
	switch {
	case o.Name == "xlsx":
		return min(r.Rows, r.XLSXRows)
	case o.Part == contest.Encoders:
		return min(r.Rows, contest.EncoderRows)
	}
	return r.Rows
}

// task runs one of the two programs.
func (r *Runner) task(ctx context.Context, o contest.Output, t task.Task, dir string) (s Sample, u process.Usage, err error) {
	t.DSN, t.Rows, t.Seed, t.Folder, t.Table = r.Server.DSN(), r.RowsOf(o), r.Seed, dir, usage.Table
	t.Server = r.Server.PID()
	if r.Rows > r.XLSXRows && o.Name == "xlsx" {
		t.Table = usage.SmallTable
	}
	if r.Profiles != "" && t.Kind == task.Ours {
		t.Profile = filepath.Join(r.Profiles, fmt.Sprintf("%s-%s-%d.cpu", o.Name, t.Source, t.Connections))
	}
	text, err := json.Marshal(t)
	if err != nil {
		return s, u, err
	}
	program := r.Programs.Peer
	if t.Kind.Ours() {
		program = r.Programs.Ours
	}
	cmd := exec.CommandContext(ctx, program, string(text))
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return s, u, err
	}
	defer func() { _ = stdin.Close() }()
	var out bytes.Buffer
	cmd.Stdout = &out
	if u, err = process.Run(ctx, cmd); err != nil {
		return s, u, err
	}
	var res task.Result
	if err := json.Unmarshal(out.Bytes(), &res); err != nil {
		return s, u, fmt.Errorf("the answer of a process: %w", err)
	}
	return Sample{
		Wall: res.Wall, CPU: res.CPU, Peak: res.Peak, Bytes: res.Bytes, Rows: res.Rows,
		Server: res.Server, Mallocs: float64(res.Mallocs), Before: res.Before, After: res.After,
	}, u, nil
}

// psql copies the table to a file, through a compressor if there is one.
func (r *Runner) psql(ctx context.Context, pipe *contest.Pipe, dir string) (s Sample, u process.Usage, err error) {
	path := filepath.Join(dir, "psql")
	f, err := os.Create(path)
	if err != nil {
		return s, u, err
	}
	copying := exec.CommandContext(ctx, "psql", "-X", "-q", "-h", r.Server.Host(), "-U", "postgres", "-d", "postgres",
		"-c", `\copy `+usage.Table+` to stdout with (format csv, header)`)
	copying.Stdout = f
	cmds := []*exec.Cmd{copying}
	if len(pipe.Command) > 0 {
		reader, writer, err := os.Pipe()
		if err != nil {
			return s, u, errors.Join(err, f.Close())
		}
		args := append(append([]string{}, pipe.Command[1:]...), "-c")
		packing := exec.CommandContext(ctx, pipe.Command[0], args...)
		copying.Stdout, packing.Stdin, packing.Stdout = writer, reader, f
		cmds = append(cmds, packing)
	}
	if u, err = process.Run(ctx, cmds...); err != nil {
		return s, u, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return s, u, err
	}
	return Sample{Wall: u.Wall, CPU: u.CPU, Peak: u.Peak, Bytes: info.Size(), Rows: int64(r.Rows), Mallocs: -1}, u, nil
}

// duckdb copies its own table to a file; what is measured is that alone.
func (r *Runner) duckdb(ctx context.Context, copying contest.Copy, dir string) (s Sample, u process.Usage, err error) {
	path := filepath.Join(dir, "duckdb")
	res, u, err := r.DuckDB.Export(ctx, path, copying.Options, copying.Threads)
	if err != nil {
		return s, u, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return s, u, err
	}
	if res.Rows != int64(r.Rows) {
		return s, u, fmt.Errorf("DuckDB wrote %d rows", res.Rows)
	}
	return Sample{Wall: res.Wall, CPU: res.CPU, Peak: res.Peak, Bytes: info.Size(), Rows: res.Rows, Mallocs: -1}, u, nil
}
