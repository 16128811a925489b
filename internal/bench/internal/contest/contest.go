// Package contest says what is measured against what: the outputs, who makes each
// of them, and what the figures must be.
package contest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/exportyard/exportyard/internal/bench/internal/task"
)

// An Output is a kind of file that several programs can make.
type Output struct {
	// Name is what -only calls it.
	Name string
	// Part is what -only calls several outputs, and empty where there is one.
	Part string
	// ByCPU compares the seconds of the programs' CPU and not those of the clock.
	ByCPU bool
	// Cases are who makes it.
	Cases []Case
	// Targets are by how much we are to be faster, Sizes how large our file may be.
	Targets []Target
	Sizes   []Size
	// Memory is what an export may hold at its peak, in MB: the gate, and the aim. Zero for none.
	Memory Limit
	// Mallocs is the same for allocations a row.
	Mallocs Limit
}

// A Case is one program that makes an output. Exactly one of Task, Psql and
// DuckDB is set.
type Case struct {
	Name  string
	Group Group
	// Task is what a process of this program does. What all have in common,
	// the server and so on, is filled in when it runs.
	Task *task.Task
	// Psql is what psql's \copy is piped into, nothing for a file as it is.
	Psql   *Pipe
	DuckDB Copy
}

// A Copy is a COPY of DuckDB: its options, and how many threads it has.
type Copy struct {
	Options string
	Threads int
}

// A Pipe is a compressor's command line, and the package of Debian that has it.
type Pipe struct {
	Command []string
	Package string
}

// Encoders is the part of the outputs that are encoders alone.
const Encoders = "encoders"

// A Group is whose programs they are, as -only calls them.
type Group string

// The groups.
const (
	Ours     Group = "ours"
	Naive    Group = "naive"
	Psql     Group = "psql"
	DuckDB   Group = "duckdb"
	Excelize Group = "excelize"
)

// Groups are all of them.
var Groups = []Group{Ours, Naive, Psql, DuckDB, Excelize}

// A Target is by how much a case of ours is to be faster than another: the other's
// seconds divided by ours.
type Target struct {
	Ours, Peer string
	Must, Aim  float64
}

// A Size is how large our file may be, as a multiple of another's. An Aim of zero
// is none beside the gate.
type Size struct {
	Ours, Peer string
	Must, Aim  float64
}

// A Limit is a gate and an aim.
type Limit struct{ Must, Aim float64 }

// Select returns the outputs and cases that are named: by outputs, by groups, or
// both; all when nothing is named.
func Select(all []Output, only []string) ([]Output, error) {
	var names []string
	var groups []Group
	for _, word := range only {
		switch {
		case slices.Contains(Groups, Group(word)):
			groups = append(groups, Group(word))
		case slices.Contains(Words(all), word):
			names = append(names, word)
		default:
			return nil, fmt.Errorf("nothing is called %q: choose among %s", word, strings.Join(Words(all), ", "))
		}
	}
	var out []Output
	for _, o := range all {
		if len(names) > 0 && !slices.Contains(names, o.Name) && !slices.Contains(names, o.Part) {
			continue
		}
		o.Cases = slices.DeleteFunc(slices.Clone(o.Cases), func(c Case) bool {
			return len(groups) > 0 && !slices.Contains(groups, c.Group)
		})
		if len(o.Cases) > 0 {
			out = append(out, o)
		}
	}
	return out, nil
}

// Words are what Select understands.
func Words(all []Output) (words []string) {
	for _, o := range all {
		words = append(words, o.Name)
	}
	words = append(words, Encoders)
	for _, g := range Groups {
		words = append(words, string(g))
	}
	return words
}

// Parallel reports whether a case of ours reads the table by several connections.
func (c Case) Parallel() bool { return c.Task != nil && c.Task.Connections > 1 }

// FromServer reports whether a case of ours reads PostgreSQL by its own protocol, and
// promises to allocate nothing for a row.
func (c Case) FromServer() bool {
	return c.Task != nil && c.Task.Kind == task.Ours && c.Task.Source == task.PostgreSQL
}
