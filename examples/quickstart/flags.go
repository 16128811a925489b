package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/exportyard/exportyard/examples/quickstart/internal/database"
	"github.com/exportyard/exportyard/examples/quickstart/internal/demo"
	"github.com/exportyard/exportyard/export"
	"github.com/exportyard/exportyard/format"
)

// options are the flags, read and checked.
type options struct {
	db, pg               string
	state, out, verify   string
	json                 bool
	tenant, tenantColumn string
	timeColumn           string
	datasets, columns    []string
	from, to             time.Time
	zone                 string
	interval             export.Interval
	format, profile      string
	compress             format.Compression
	// args are the flags as they were given.
	args []string
	// chosen says that some flag chooses an export; without one, the demo
	// makes its two.
	chosen bool
}

// formats are the values of -format: a format's name and profile.
var formats = map[string][2]string{
	"csv": {"csv", "exact"}, "excel": {"csv", "excel"}, "ndjson": {"ndjson", ""}, "json": {"json", ""}, "parquet": {"parquet", ""},
	"xlsx": {"xlsx", ""},
}

// raw are the flags as they were given.
type raw struct {
	from, to, columns, format, compress, interval string
	datasets                                      []string
	o                                             options
}

func flagSet(r *raw) *flag.FlagSet {
	fs := flag.NewFlagSet("quickstart", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.StringVar(&r.o.db, "db", "", "SQLite database `FILE` to export; every table is a dataset (default: a demo is made)")
	fs.StringVar(&r.o.pg, "pg", "", "PostgreSQL database to export instead: a connection `URL` (PGPASSWORD or ~/.pgpass may have the password)")
	fs.StringVar(&r.o.tenantColumn, "tenant-column", "", "`column` that says whose a row is; tables without it are skipped")
	fs.StringVar(&r.o.tenant, "tenant", "", "tenant to export (default: acme in the demo; main for other databases)")
	fs.Func("dataset", "`table` to export; may be repeated (default: all)", func(s string) error {
		r.datasets = append(r.datasets, s)
		return nil
	})
	fs.StringVar(&r.columns, "columns", "", "`names` of the columns, in order, separated by commas; with one -dataset (default: all)")
	fs.StringVar(&r.o.timeColumn, "time-column", "", "`column` by which rows are dated, for -from, -to and -interval")
	fs.StringVar(&r.from, "from", "", "first `time`: 2026-10-01, or 2026-10-01T08:00:00Z (default: no bound)")
	fs.StringVar(&r.to, "to", "", "`time` before which rows are taken; it is itself not included (default: no bound)")
	fs.StringVar(&r.o.zone, "tz", "UTC", "IANA time `zone` of dates and intervals")
	fs.StringVar(&r.interval, "interval", "none", "one file per `unit`: none, hour, day, week or month")
	fs.StringVar(&r.format, "format", "csv", "csv, excel, ndjson, json, parquet or xlsx")
	fs.StringVar(&r.compress, "compress", "", "none, gzip or zstd (default: gzip; snappy inside parquet; xlsx has its own)")
	fs.StringVar(&r.o.out, "out", "", "`folder` for the files (default: FILE.files where -state is given, else a new one under the system's temp)")
	fs.StringVar(&r.o.state, "state", "", "`FILE` that keeps the jobs: run again with it after a kill to go on (default: in a new folder under the system's temp)")
	fs.StringVar(&r.o.verify, "verify", "", "only verify the archives in a `folder`")
	fs.BoolVar(&r.o.json, "json", false, "print the manifest and nothing else")
	fs.Usage = func() {} // called for every bad flag; help prints it once
	return fs
}

// parseFlags reads all flags before it complains, so that one run names
// everything that is wrong.
func parseFlags(args []string, stderr io.Writer) (*options, error) {
	r := raw{o: options{args: slices.Clone(args)}}
	var bad badFlags
	fs := flagSet(&r)
	for {
		err := fs.Parse(args)
		if errors.Is(err, flag.ErrHelp) {
			fs.SetOutput(stderr)
			_, _ = io.WriteString(stderr, "usage: quickstart [flags]\n")
			fs.PrintDefaults()
			return nil, err
		}
		args = fs.Args()
		if err != nil {
			bad.problems = append(bad.problems, err.Error())
			continue
		}
		if len(args) == 0 {
			break
		}
		bad.problems = append(bad.problems, fmt.Sprintf("%q is not a flag", args[0]))
		args = args[1:]
	}
	given := make(map[string]bool)
	fs.Visit(func(f *flag.Flag) { given[f.Name] = true })
	r.read(given, &bad)
	if len(bad.problems) > 0 {
		return nil, &bad
	}
	return &r.o, nil
}

func (r *raw) read(given map[string]bool, bad *badFlags) {
	complain := func(format string, args ...any) {
		bad.problems = append(bad.problems, fmt.Sprintf(format, args...))
	}
	o := &r.o
	loc, err := time.LoadLocation(o.zone)
	if err != nil || o.zone == "" || o.zone == "Local" {
		complain("-tz: %q is not an IANA time zone such as Europe/Berlin", o.zone)
		loc = time.UTC
	}
	o.from = readTime("-from", r.from, loc, complain)
	o.to = readTime("-to", r.to, loc, complain)
	if !o.from.IsZero() && !o.to.IsZero() && !o.from.Before(o.to) {
		complain("-to: is not after -from")
	}
	if o.interval = export.Interval(r.interval); !slices.Contains([]export.Interval{export.None, export.Hour, export.Day, export.Week, export.Month}, o.interval) {
		complain("-interval: %q is not none, hour, day, week or month", r.interval)
	}
	f, ok := formats[r.format]
	if !ok {
		complain("-format: %q is not csv, excel, ndjson, json, parquet or xlsx", r.format)
	}
	o.format, o.profile = f[0], f[1]
	o.compress = format.Compression(r.compress)
	if r.compress == "" && o.format != "parquet" && o.format != "xlsx" {
		o.compress = format.Gzip
	} else if r.compress != "" && !o.compress.Valid() {
		complain("-compress: %q is not none, gzip or zstd", r.compress)
	}
	o.datasets = r.datasets
	if r.columns != "" {
		o.columns = strings.Split(r.columns, ",")
		if len(o.datasets) != 1 {
			complain("-columns: needs exactly one -dataset")
		}
	}
	r.together(given, complain)
}

// together checks what flags mean beside each other, and fills in defaults.
func (r *raw) together(given map[string]bool, complain func(string, ...any)) {
	o := &r.o
	for name := range given {
		o.chosen = o.chosen || !slices.Contains([]string{"out", "state", "json", "tenant"}, name)
	}
	if given["verify"] {
		for _, name := range slices.Sorted(maps.Keys(given)) {
			if name != "verify" && name != "json" {
				complain("-%s: does not go with -verify", name)
			}
		}
		if o.verify == "" {
			complain("-verify: needs a folder")
		}
	}
	if given["db"] {
		if info, err := os.Stat(o.db); err != nil || info.IsDir() {
			complain("-db: %q is not a file that can be read", o.db)
		}
	}
	if given["pg"] && o.pg == "" {
		complain("-pg: needs a connection URL")
	}
	if given["db"] && given["pg"] {
		complain("-pg: does not go with -db")
	}
	for i := range o.args {
		if o.pg != "" {
			o.args[i] = strings.ReplaceAll(o.args[i], o.pg, database.Redacted(o.pg))
		}
	}
	if o.db != "" && o.state != "" && sameFile(o.db, o.state) {
		complain("-state: is the database that is to be exported")
	}
	dated := given["from"] || given["to"] || o.interval != export.None
	if o.given() && dated && o.timeColumn == "" {
		complain("-time-column: is needed with -from, -to and -interval")
	}
	if o.given() && (o.tenantColumn == "") != (o.tenant == "") {
		complain("-tenant and -tenant-column: give both or none")
	}
	if !o.given() {
		for _, name := range []string{"tenant-column", "time-column"} {
			if given[name] {
				complain("-%s: goes with -db or -pg; the demo has its own", name)
			}
		}
	}
	if o.tenant == "" {
		o.tenant = map[bool]string{true: demo.Tenants()[0], false: "main"}[!o.given()]
	}
}

func sameFile(a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && os.SameFile(x, y)
}

func readTime(name, text string, loc *time.Location, complain func(string, ...any)) time.Time {
	if text == "" {
		return time.Time{}
	}
	for _, layout := range []string{time.DateOnly, "2006-01-02T15:04:05", "2006-01-02 15:04:05", time.RFC3339Nano} {
		if t, err := time.ParseInLocation(layout, text, loc); err == nil {
			return t
		}
	}
	complain("%s: %q is not a time such as 2026-10-01 or 2026-10-01T08:00:00Z", name, text)
	return time.Time{}
}

var fieldFlags = []struct {
	field *regexp.Regexp
	flag  string
}{
	{regexp.MustCompile(`\.columns\[`), "-columns"},
	{regexp.MustCompile(`^dataset`), "-dataset"},
	{regexp.MustCompile(`^zone`), "-tz"},
	{regexp.MustCompile(`^compression`), "-compress"},
	{regexp.MustCompile(`^destination`), "-out"},
}

// flagsOf says in flags what the engine says of a request's fields.
func flagsOf(refused *export.Error) *badFlags {
	out := &badFlags{}
	for _, p := range refused.Problems {
		name := "-" + p.Field
		for _, f := range fieldFlags {
			if f.field.MatchString(p.Field) {
				name = f.flag
				break
			}
		}
		text := name + ": " + p.Message
		if p.Hint != "" {
			text += " (" + p.Hint + ")"
		}
		out.problems = append(out.problems, text)
	}
	return out
}
