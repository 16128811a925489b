// Quickstart exports a SQLite or PostgreSQL database to files, survives being
// killed, and proves that what it wrote is complete.
//
// Without flags it makes a database with two tenants, and exports one of them
// as a gzipped JSON snapshot and as a CSV file per day. With -db it exports any
// SQLite database, with -pg a schema of PostgreSQL; -h lists the flags.
//
// The exit status is 0 only when every file was verified, 1 with one line that
// says why not, and 2 for flags that cannot be taken, all of them named.
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

	"github.com/exportyard/exportyard/examples/quickstart/internal/screen"
	"github.com/exportyard/exportyard/export"
)

func main() { os.Exit(program(seams{})) }

// program runs until it is done or told to stop. Who tells it twice does not
// want to wait: the second signal ends it at once, and nothing is lost.
func program(s seams) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	return run(ctx, os.Args[1:], os.Stdout, os.Stderr, s)
}

// A badFlags error lists all flags that cannot be taken.
type badFlags struct{ problems []string }

func (e *badFlags) Error() string {
	text := "quickstart: bad flags:"
	for _, p := range e.problems {
		text += "\n  " + p
	}
	return text
}

// run is the whole program; it returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer, s seams) int {
	opts, err := parseFlags(args, stderr)
	if err == nil {
		err = start(ctx, opts, stdout, stderr, s)
	}
	var flags *badFlags
	var refused *export.Error
	code, text := 1, ""
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.As(err, &flags):
		code, text = 2, flags.Error()
	case errors.As(err, &refused) && refused.Code == export.CodeUnprocessable:
		code, text = 2, flagsOf(refused).Error()
	default:
		text = "quickstart: " + strings.ReplaceAll(err.Error(), "\n", "; ")
	}
	_, _ = fmt.Fprintln(stderr, text) // the status says the rest
	return code
}

func start(ctx context.Context, o *options, stdout, stderr io.Writer, s seams) error {
	show := screen.New(stdout, stderr, o.json)
	if o.verify != "" {
		return verifyFolder(ctx, o.verify, show)
	}
	return exportAll(ctx, o, show, s)
}
