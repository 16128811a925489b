package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/exportyard/exportyard/internal/bench/internal/report"
)

// report prints the tables and writes the files that were asked for.
func (o *options) report(tables []*report.Table, stdout io.Writer) error {
	for _, t := range tables {
		if err := t.Write(stdout); err != nil {
			return err
		}
	}
	missed := 0
	for _, t := range tables {
		for _, v := range t.Verdicts() {
			if !v.Must {
				missed++
				if _, err := fmt.Fprintf(stdout, "NOT MET  %s, %s: %s\n", v.Output, v.Rule, v.Figure); err != nil {
					return err
				}
			}
		}
	}
	if _, err := fmt.Fprintf(stdout, "%d gates not met\n", missed); err != nil {
		return err
	}
	if o.json == "" {
		return nil
	}
	data, err := json.MarshalIndent(tables, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(o.json, append(data, '\n'), 0o600)
}
