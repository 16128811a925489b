// Exporter makes one export by exportyard and says what it took: the program that
// the benchmark measures.
package main

import (
	"context"
	"fmt"

	"github.com/exportyard/exportyard/internal/bench/internal/encode"
	"github.com/exportyard/exportyard/internal/bench/internal/task"
)

func main() { task.Main(run) }

func run(ctx context.Context, t task.Task) (_ task.Result, err error) {
	stop, err := profile(t.Profile)
	if err != nil {
		return task.Result{}, err
	}
	defer stop()
	switch t.Kind {
	case task.Ours:
		return exportTable(ctx, t)
	case task.OurEncoder:
		return encodeAlone(t)
	}
	return task.Result{}, fmt.Errorf("this program does nothing for %q", t.Kind)
}

// encodeAlone runs an encoder over rows in memory.
func encodeAlone(t task.Task) (r task.Result, err error) {
	write, err := encode.Ours(t.Format, t.Rows, t.Seed)
	if err != nil {
		return r, err
	}
	return encode.Measure(t, write)
}
