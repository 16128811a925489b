package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/exportyard/exportyard/internal/bench/internal/chart"
	"github.com/exportyard/exportyard/internal/bench/internal/report"
)

// A record is what -json writes.
type record struct {
	Machine machine         `json:"machine"`
	Rows    int             `json:"rows"`
	Rounds  int             `json:"rounds"`
	Seed    uint64          `json:"seed"`
	Tables  []*report.Table `json:"tables"`
	// Verdicts are what came of the rules.
	Verdicts []report.Verdict `json:"verdicts"`
}

// report prints the tables and writes the files that were asked for.
func (o *options) report(m machine, tables []*report.Table, stdout io.Writer) error {
	var text bytes.Buffer
	fmt.Fprintf(&text, "%d rows, %d clean rounds, seed %d. %s.\n\n", o.rows, o.rounds, o.seed, m)
	if err := report.WriteAll(&text, tables); err != nil {
		return err
	}
	if _, err := stdout.Write(text.Bytes()); err != nil {
		return err
	}
	if o.json != "" {
		r := record{Machine: m, Rows: o.rows, Rounds: o.rounds, Seed: o.seed, Tables: tables}
		for _, t := range tables {
			r.Verdicts = append(r.Verdicts, t.Verdicts()...)
		}
		data, err := json.MarshalIndent(r, "", "\t")
		if err != nil {
			return err
		}
		if err := os.WriteFile(o.json, append(data, '\n'), 0o644); err != nil {
			return err
		}
	}
	if o.svg != "" {
		if err := chart.Save(tables, o.svg); err != nil {
			return fmt.Errorf("draw the chart: %w", err)
		}
	}
	if o.md != "" {
		return report.Fill(o.md, text.Bytes())
	}
	return nil
}
