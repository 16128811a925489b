// Bench measures exportyard against what else gets rows out of PostgreSQL into
// files, side by side on one machine, and says which targets are met.
//
//	go run ./internal/bench [-rows 1000000] [-rounds 3] [-only csv,csv.gz] [-json FILE] [-svg FILE] [-md FILE]
//
// # What is measured
//
// A table of 15 columns of usage data, the seeded rows of formattest.AppendUsage:
// four UUIDs, texts with commas, quotes, newlines, emoji and CJK, numeric(12,4),
// bigint, boolean, two timestamptz of which one is nullable, and a small jsonb;
// about 410 bytes a row as CSV. It lies in a PostgreSQL of the program's own, which
// is reached by a Unix socket and has all of it in its cache. Everyone makes the
// same file of it, or leaves that output out:
//
//   - exportyard: export.Engine with pgsource, memstore and filesink, as a host
//     wires them, the table as one part; and sqlsource over database/sql, which
//     sorts a table without a key by all its columns, as nobody else does.
//   - naive Go: database/sql with pgx, Scan into a plain struct, and encoding/csv,
//     encoding/json or GenericWriter of parquet-go, and compress/gzip as it comes.
//     The JSON document is Marshal of all rows in memory, as structs, and once more
//     as maps.
//   - psql: \copy as CSV, to the file or through a compressor.
//   - DuckDB: COPY of a table of its own in its own columnar file, two threads, from
//     Node.js. It has almost no cost to get at its rows, which favours it.
//   - excelize: StreamWriter, rows in memory.
//
// The outputs called encoders have no database and no file: rows in memory become
// bytes that nobody keeps, compared by CPU.
//
// # How
//
// Each run is a process of its own; ours and those of Go programs are built for it.
// Runs are interleaved round by round, every other round backwards, so that all see
// the same machine. Tables have medians, and the least seconds beside; ratios are
// of medians, the other's seconds divided by ours.
//
// Files go to memory (/dev/shm) and are removed after their run.
//
// Seconds of ours are from the opening of the source to the commit of the file. The
// plan, which counts the rows, and the reading back of the file, by which an export
// is verified, are beside them. A source counts once more before it reads unless
// its options say otherwise, and here they do: what the server says to have sent is
// compared in any case. Seconds of naive Go are from the query to the closed file,
// those of psql from the start of the processes to the end of the last, those of
// DuckDB of the COPY alone.
//
// CPU of the program is by getrusage in that time; of the server, what
// /proc says of all its processes. Memory is the most that the largest process has
// had resident, code included.
//
// # What makes a run clean
//
// The machine's work that is not the run's own and not the server's, by /proc/stat
// and with what the host of a virtual machine took, is at most a tenth of a core
// (in runs of less than half a second: 50 ms, as its clock ticks every 10 ms).
// Other runs are repeated, in at most -repeat more rounds, and do not count unless
// there is no clean one. Tables say how many of the runs were clean.
//
// # Targets
//
// A gate must be met, an aim is where to go. Aims may be met over two connections.
// They are meant for a million rows: with fewer, starting costs too much of the
// time.
//
// What is not installed is left out, and the tables say what to install. An
// interrupt ends everything that was started; so does the end of this program,
// however it comes.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run measures what the arguments ask for and reports it.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	m, tables, err := o.measure(ctx, stderr)
	if err != nil {
		return err
	}
	return o.report(m, tables, stdout)
}
