// Peer makes one export as a typical Go program does and says what it took.
package main

import (
	"context"
	"fmt"

	"github.com/exportyard/exportyard/internal/bench/internal/encode"
	"github.com/exportyard/exportyard/internal/bench/internal/task"
	"github.com/exportyard/exportyard/internal/bench/internal/typical"
)

func main() { task.Main(run) }

func run(ctx context.Context, t task.Task) (r task.Result, err error) {
	switch t.Kind {
	case task.Naive:
		return export(ctx, t)
	case task.Excelize:
		return workbook(t)
	case task.NaiveEncoder:
		write, err := typical.Encoder(t.Format, t.Rows, t.Seed)
		if err != nil {
			return r, err
		}
		return encode.Measure(t, write)
	}
	return r, fmt.Errorf("this program does nothing for %q", t.Kind)
}
