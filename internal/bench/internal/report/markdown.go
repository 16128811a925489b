package report

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/exportyard/exportyard/internal/bench/internal/contest"
)

// A grid is a table of texts, its first row the header.
type grid [][]string

// write writes the grid as a table of Markdown that can also be read as it is.
func (g grid) write(w io.Writer) error {
	widths := make([]int, len(g[0]))
	for _, row := range g {
		for c, cell := range row {
			widths[c] = max(widths[c], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for r, row := range g {
		for c, cell := range row {
			space := strings.Repeat(" ", widths[c]-utf8.RuneCountInString(cell))
			if c == 0 {
				b.WriteString("| " + cell + space + " |")
			} else {
				b.WriteString(" " + space + cell + " |")
			}
		}
		b.WriteString("\n")
		if r > 0 {
			continue
		}
		for c, width := range widths {
			if c == 0 {
				b.WriteString("|" + strings.Repeat("-", width+2) + "|")
			} else {
				b.WriteString(strings.Repeat("-", width+1) + ":|")
			}
		}
		b.WriteString("\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Write writes what was measured of an output, and what came of its rules.
func (t *Table) Write(w io.Writer) error {
	if _, err := fmt.Fprintf(w, "### %s\n\n", t.Name); err != nil {
		return err
	}
	if err := t.figures().write(w); err != nil {
		return err
	}
	for _, s := range t.Series {
		if s.Skipped != "" {
			if _, err := fmt.Fprintf(w, "\n%s was skipped: %s.\n", s.Name, s.Skipped); err != nil {
				return err
			}
		}
	}
	if verdicts := t.Verdicts(); len(verdicts) > 0 {
		if _, err := io.WriteString(w, "\n"); err != nil {
			return err
		}
		if err := rules(verdicts).write(w); err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// figures has a row for each case, and a column with its ratio to each of ours.
func (t *Table) figures() grid {
	header := []string{"case", "clean/runs", "wall s (min)", "client CPU s", "server CPU s", "peak MB", "out MB", "krows/s", "allocs/row", "count + read-back s", "others, cores"}
	if t.Output.ByCPU {
		header = []string{"case", "clean/runs", "CPU ns/row", "krows per CPU s", "allocs/row", "B/row", "others, cores"}
	}
	var ours []string
	for _, s := range t.Series {
		if _, ok := s.Summary(); ok && s.Case.Group == contest.Ours {
			ours = append(ours, s.Name)
			header = append(header, "÷ "+s.Name)
		}
	}
	g := grid{header}
	for _, s := range t.Series {
		sum, ok := s.Summary()
		if !ok {
			continue
		}
		row := sum.wallRow(s)
		if t.Output.ByCPU {
			row = sum.cpuRow(s)
		}
		for _, name := range ours {
			ratio, ok := t.Ratio(name, s.Name)
			if !ok || name == s.Name {
				row = append(row, "")
				continue
			}
			row = append(row, fmt.Sprintf("%.2fx", ratio))
		}
		g = append(g, row)
	}
	return g
}

func (sum Summary) wallRow(s *Series) []string {
	beside := ""
	if s.Case.Group == contest.Ours {
		beside = fmt.Sprintf("%.2f + %.2f", sum.Before, sum.After)
	}
	return []string{
		s.Name, fmt.Sprintf("%d/%d", sum.Clean, sum.Runs), fmt.Sprintf("%.2f (%.2f)", sum.Wall, sum.Least),
		fmt.Sprintf("%.2f", sum.CPU), fmt.Sprintf("%.2f", sum.Server), fmt.Sprintf("%.0f", sum.Peak), fmt.Sprintf("%.1f", sum.Bytes),
		fmt.Sprintf("%.0f", sum.RowsPerSecond/1000), sum.mallocs(), beside, fmt.Sprintf("%.2f", sum.Others),
	}
}

func (sum Summary) cpuRow(s *Series) []string {
	return []string{
		s.Name, fmt.Sprintf("%d/%d", sum.Clean, sum.Runs), fmt.Sprintf("%.0f", sum.CPU/sum.Rows*1e9), fmt.Sprintf("%.0f", sum.Rows/sum.CPU/1000),
		sum.mallocs(), fmt.Sprintf("%.0f", sum.Bytes*1e6/sum.Rows), fmt.Sprintf("%.2f", sum.Others),
	}
}

func (sum Summary) mallocs() string {
	switch {
	case sum.Mallocs < 0:
		return ""
	case sum.Mallocs < 1:
		return fmt.Sprintf("%.4f", sum.Mallocs)
	}
	return fmt.Sprintf("%.1f", sum.Mallocs)
}

// rules has a row for each verdict.
func rules(verdicts []Verdict) grid {
	g := grid{{"rule", "measured", "must", "aim"}}
	for _, v := range verdicts {
		aim := ""
		if v.Aim != nil {
			aim = v.AimRule + ": " + Met(*v.Aim)
		}
		g = append(g, []string{v.Rule, v.Figure, Met(v.Must), aim})
	}
	return g
}
