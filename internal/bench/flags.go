package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/exportyard/exportyard/internal/bench/internal/contest"
)

// options are what the command line asks for.
type options struct {
	rows, rounds int
	xlsx         int
	repeat       int
	seed         uint64
	dir          string
	json, svg    string
	md           string
	profiles     string
	outputs      []contest.Output
}

const defaultFolder = "/dev/shm"

// parse reads the command line.
func parse(args []string, stderr io.Writer) (*options, error) {
	o := &options{}
	var only string
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.IntVar(&o.rows, "rows", 1_000_000, "how many rows the table has")
	flags.IntVar(&o.xlsx, "xlsx", contest.XLSXRows, "how many of them a workbook has at most")
	flags.IntVar(&o.rounds, "rounds", 3, "how many clean rounds count")
	flags.IntVar(&o.repeat, "repeat", 3, "how many more rounds there are at most, for runs that something disturbed")
	flags.Uint64Var(&o.seed, "seed", 1, "seed of the rows")
	flags.StringVar(&only, "only", "", "what to run, separated by commas: outputs ("+strings.Join(contest.Words(contest.Outputs()), ", ")+")")
	flags.StringVar(&o.dir, "dir", "", "folder for the files that are written; default: "+defaultFolder+", which is memory, so that the disk is not measured")
	flags.StringVar(&o.json, "json", "", "file for the figures of every run")
	flags.StringVar(&o.svg, "svg", "", "file for a chart of the ratios")
	flags.StringVar(&o.md, "md", "", "document whose tables of figures are to be replaced")
	flags.StringVar(&o.profiles, "profiles", "", "folder for CPU profiles of our runs")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if flags.NArg() > 0 || o.rows < 1 || o.xlsx < 1 || o.rounds < 1 || o.repeat < 0 {
		return nil, errors.New("want flags alone, and at least one row, of a workbook too, and one round")
	}
	var words []string
	if only != "" {
		words = strings.Split(only, ",")
	}
	var err error
	if o.outputs, err = contest.Select(contest.Outputs(), words); err != nil {
		return nil, err
	}
	if o.dir == "" {
		o.dir = os.TempDir()
		if _, err := os.Stat(defaultFolder); err == nil {
			o.dir = defaultFolder
		}
	}
	for _, dir := range []string{o.dir, o.profiles} {
		if dir == "" {
			continue
		}
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("make a folder: %w", err)
		}
	}
	return o, nil
}
