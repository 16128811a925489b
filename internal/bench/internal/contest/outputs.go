package contest

import (
	"fmt"
	"slices"

	"github.com/exportyard/exportyard/internal/bench/internal/task"
)

// The names of cases that targets speak of.
const (
	ours       = "exportyard"
	overSQL    = "exportyard over database/sql"
	fromMemory = "exportyard, rows in memory"
	naiveGo    = "naive Go"
	plainPsql  = "psql"
	duck       = "DuckDB"
	duckWriter = "DuckDB's writer, one thread"
	excel      = "excelize, rows in memory"
)

// XLSXRows is how many rows a workbook has at most unless more are asked for, and
// EncoderRows how many different ones an encoder is given.
const (
	XLSXRows    = 300_000
	EncoderRows = 200_000
)

var (
	// textMemory and parquetMemory are what an export holds at most.
	textMemory    = Limit{64, 40}
	parquetMemory = Limit{192, 96}
	// textMallocs are allocations a row.
	textMallocs = Limit{0.05, 0.01}
)

// Outputs are all of them.
func Outputs() []Output { return slices.Concat(csvOutputs(), otherOutputs(), encoderOutputs()) }

func csvOutputs() []Output {
	return []Output{
		{
			Name: "csv", Memory: textMemory, Mallocs: textMallocs,
			Cases:   with(tables(task.Task{Format: "csv"}), naive("csv", ""), psql("", ""), duckdb("format csv, header")),
			Targets: []Target{{ours, naiveGo, 1.6, 2.3}, {ours, plainPsql, 1.2, 1.9}},
		},
		{
			Name: "csv.gz", Memory: textMemory, Mallocs: textMallocs,
			Cases: with(tables(task.Task{Format: "csv", Codec: "gzip"}), sqlsource("csv", "gzip"),
				naive("csv", "gzip"), psql("gzip", "gzip", "-6"), psql("pigz", "pigz", "-6", "-p2"), duckdb("format csv, header, compression gzip")),
			Targets: []Target{
				{ours, naiveGo, 3.0, 4.5},
				{ours, "psql, gzip -6", 2.6, 3.8},
				{ours, "psql, pigz -6 -p2", 1.6, 2.4},
				{ours, duck, 3.0, 5},
				{overSQL, naiveGo, 1.8, 2.5},
			},
			Sizes: []Size{{Ours: ours, Peer: "psql, gzip -6", Must: 1.02}},
		},
		{
			Name: "csv.gz-1", Memory: textMemory, Mallocs: textMallocs,
			Cases: with(tables(task.Task{Format: "csv", Codec: "gzip", Level: 1}),
				psql("gzip", "gzip", "-1"), psql("pigz", "pigz", "-1", "-p2"), psql("isal", "igzip", "-1")),
			Targets: []Target{
				{ours, "psql, gzip -1", 1.6, 2.3},
				{ours, "psql, pigz -1 -p2", 1.25, 1.8},
				{ours, "psql, igzip -1", 1.1, 1.6},
			},
			Sizes: []Size{{Ours: ours, Peer: "psql, gzip -1", Must: 1}},
		},
		{
			Name: "csv.zst", Memory: textMemory, Mallocs: textMallocs,
			Cases:   with(tables(task.Task{Format: "csv", Codec: "zstd"}), psql("zstd", "zstd", "-3"), duckdb("format csv, header, compression zstd")),
			Targets: []Target{{ours, "psql, zstd -3", 0.95, 1.3}, {ours, duck, 0.85, 1.2}},
			Sizes:   []Size{{Ours: ours, Peer: "psql, zstd -3", Must: 1.06}},
		},
	}
}

func otherOutputs() []Output {
	return []Output{
		{
			Name: "ndjson", Memory: textMemory, Mallocs: textMallocs,
			Cases:   with(tables(task.Task{Format: "ndjson"}), naive("ndjson", ""), duckdb("format json")),
			Targets: []Target{{ours, naiveGo, 1.7, 2.8}},
		},
		{
			Name: "ndjson.gz", Memory: textMemory, Mallocs: textMallocs,
			Cases:   with(tables(task.Task{Format: "ndjson", Codec: "gzip"}), naive("ndjson", "gzip"), duckdb("format json, compression gzip")),
			Targets: []Target{{ours, naiveGo, 3, 5}, {ours, duck, 3.5, 6}},
		},
		{
			Name: "parquet", Memory: parquetMemory,
			Cases:   with(tables(task.Task{Format: "parquet"}), naive("parquet", ""), duckdb("format parquet, compression snappy")),
			Targets: []Target{{ours, naiveGo, 1.6, 2.2}},
			Sizes:   []Size{{Ours: ours, Peer: naiveGo, Must: 0.5}, {Ours: ours, Peer: duck, Must: 1.2, Aim: 1}},
		},
		{
			Name: "json", Memory: textMemory, Mallocs: textMallocs,
			Cases:   with(tables(task.Task{Format: "json"}), naive("json", ""), naiveMaps("")),
			Targets: []Target{{ours, naiveGo, 4, 5.5}},
		},
		{
			Name: "json.gz", Memory: textMemory, Mallocs: textMallocs,
			Cases:   with(tables(task.Task{Format: "json", Codec: "gzip"}), naive("json", "gzip"), naiveMaps("gzip")),
			Targets: []Target{{ours, naiveGo, 4.5, 6}},
		},
		{
			Name: "xlsx", Memory: textMemory,
			Cases: with(tables(task.Task{Format: "xlsx"}),
				Case{Name: fromMemory, Group: Ours, Task: &task.Task{Kind: task.Ours, Source: task.Memory, Format: "xlsx"}},
				Case{Name: excel, Group: Excelize, Task: &task.Task{Kind: task.Excelize, Source: task.Memory, Format: "xlsx"}}),
			Targets: []Target{{fromMemory, excel, 4, 8}},
		},
	}
}

// encoderOutputs have rows in memory become files that nobody keeps, compared by
// the CPU that a row takes.
func encoderOutputs() []Output {
	return []Output{
		encoders("csv", "encoding/csv", 4, 6),
		encoders("ndjson", "encoding/json", 6, 10),
		encoders("parquet", "GenericWriter", 2.5, 4, Target{ours, duckWriter, 0.6, 1}),
	}
}

func encoders(name, naive string, must, aim float64, more ...Target) Output {
	o := Output{
		Name: name + "-encoder", Part: Encoders, ByCPU: true,
		Cases: []Case{
			{Name: ours, Group: Ours, Task: &task.Task{Kind: task.OurEncoder, Source: task.Memory, Format: name}},
			{Name: naive, Group: Naive, Task: &task.Task{Kind: task.NaiveEncoder, Source: task.Memory, Format: name}},
		},
		Targets: append([]Target{{ours, naive, must, aim}}, more...),
	}
	if len(more) > 0 {
		o.Cases = append(o.Cases, Case{Name: duckWriter, Group: DuckDB, DuckDB: Copy{Options: "format parquet, compression snappy", Threads: 1}})
	}
	return o
}

// connections are the ways to read the table: by how many connections at once.
var connections = []int{1, 2}

// tables are our exports of the table, a case for each way to read it.
func tables(t task.Task) (cases []Case) {
	for _, n := range connections {
		one := t
		one.Kind, one.Source, one.Connections = task.Ours, task.PostgreSQL, n
		c := Case{Name: ours, Group: Ours, Task: &one}
		if n > 1 {
			c.Name += fmt.Sprintf(", %d connections", n)
		}
		cases = append(cases, c)
	}
	return cases
}

func with(cases []Case, more ...Case) []Case { return append(cases, more...) }

func sqlsource(format, codec string) Case {
	return Case{Name: overSQL, Group: Ours, Task: &task.Task{Kind: task.Ours, Source: task.DatabaseSQL, Format: format, Codec: codec}}
}

func naive(format, codec string) Case {
	return Case{Name: naiveGo, Group: Naive, Task: &task.Task{Kind: task.Naive, Source: task.DatabaseSQL, Format: format, Codec: codec}}
}

// naiveMaps is the document from maps instead of structs.
func naiveMaps(codec string) Case {
	c := naive("json maps", codec)
	c.Name += ", maps"
	return c
}

func psql(pack string, command ...string) Case {
	c := Case{Name: plainPsql, Group: Psql, Psql: &Pipe{Package: pack}}
	if len(command) == 0 || command[0] == "" {
		return c
	}
	c.Psql.Command = command
	c.Name += ","
	for _, word := range command {
		c.Name += " " + word
	}
	return c
}

func duckdb(options string) Case {
	return Case{Name: duck, Group: DuckDB, DuckDB: Copy{Options: options, Threads: 2}}
}
