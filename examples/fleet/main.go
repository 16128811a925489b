// Fleet shows that an export ends, exactly once, whatever dies. It starts a PostgreSQL and
// an S3-compatible store of its own and three workers, asks for an export for each of fifty
// tenants, and kills a worker every few seconds. It is done when every export is completed
// and verified, row by row, and nothing else is left in the store.
//
// PostgreSQL's package needs to be installed. -h lists the flags.
//
// The exit status is 0 only when everything was verified, 1 with one line that says why not,
// and 2 for flags that cannot be taken. Whatever it is, no process and no file is left.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if text := os.Getenv(siteVariable); text != "" {
		os.Exit(work(ctx, text))
	}
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// options are the flags.
type options struct {
	tenants, rows, workers int
	kill, timeout          time.Duration
	seed                   uint64
}

var errFlags = errors.New("bad flags")

func parseFlags(args []string, stderr io.Writer) (*options, error) {
	o := &options{}
	fs := flag.NewFlagSet("fleet", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.IntVar(&o.tenants, "tenants", 50, "`number` of tenants, each with an export")
	fs.IntVar(&o.rows, "rows", 4000, "`number` of rows of each tenant")
	fs.IntVar(&o.workers, "workers", 3, "`number` of worker processes")
	fs.DurationVar(&o.kill, "kill", 3*time.Second, "how often a worker is killed; 0 for never")
	fs.Uint64Var(&o.seed, "seed", 1, "`number` that decides which worker is killed when")
	fs.DurationVar(&o.timeout, "timeout", 5*time.Minute, "when to give up")
	if err := fs.Parse(args); err != nil {
		return nil, err
	}
	var bad []string
	if fs.NArg() > 0 {
		bad = append(bad, fmt.Sprintf("%q is not a flag", fs.Arg(0)))
	}
	if o.tenants < 1 || o.tenants > 10_000 {
		bad = append(bad, "-tenants: give 1 to 10000")
	}
	if o.rows < 0 || o.rows > 10_000_000 {
		bad = append(bad, "-rows: give 0 to 10000000")
	}
	if o.workers < 1 || o.workers > 20 {
		bad = append(bad, "-workers: give 1 to 20")
	}
	if o.kill < 0 || o.timeout <= 0 {
		bad = append(bad, "-kill, -timeout: give a time such as 3s")
	}
	if len(bad) > 0 {
		return nil, fmt.Errorf("%w:\n  %s", errFlags, strings.Join(bad, "\n  "))
	}
	return o, nil
}

// run is the whole program; it returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parseFlags(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errFlags):
		_, _ = fmt.Fprintln(stderr, "fleet:", err)
		return 2
	case err != nil: // the flag package has said it
		return 2
	}
	ctx, cancel := context.WithTimeoutCause(ctx, o.timeout, fmt.Errorf("not done within %v", o.timeout))
	defer cancel()
	err = demonstrate(ctx, o, stdout)
	if err == nil {
		return 0
	}
	if cause := context.Cause(ctx); cause != nil {
		err = cause
		if errors.Is(cause, context.Canceled) {
			err = errors.New("stopped; nothing is left behind")
		}
	}
	_, _ = fmt.Fprintln(stderr, "fleet:", strings.ReplaceAll(err.Error(), "\n", "; "))
	return 1
}
