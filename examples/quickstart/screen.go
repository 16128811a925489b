package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/exportyard/exportyard/export"
)

// A screen is where the program speaks: standard output, or with -json
// standard error, so that nothing but the manifest is on standard output.
type screen struct {
	talk     io.Writer
	out      io.Writer
	json     bool
	terminal bool
}

func newScreen(stdout, stderr io.Writer, asJSON bool) *screen {
	s := &screen{talk: stdout, out: stdout, json: asJSON}
	if asJSON {
		s.talk = stderr
	}
	if f, ok := s.talk.(*os.File); ok {
		if info, err := f.Stat(); err == nil {
			s.terminal = info.Mode()&os.ModeCharDevice != 0
		}
	}
	return s
}

func (s *screen) say(format string, args ...any) { fmt.Fprintf(s.talk, format+"\n", args...) }

// A bar shows the progress of one export: a bar that moves in a terminal,
// a line for every tenth in a pipe.
type bar struct {
	screen *screen
	name   string
	began  time.Time
	tenth  int64
}

func (s *screen) bar(name string) *bar {
	return &bar{screen: s, name: name, began: time.Now(), tenth: -1}
}

func (b *bar) show(j *export.Job) {
	p := j.Progress
	done, all := p.Rows, p.RowsPlanned
	ended := !j.State.Active()
	if ended && j.State == export.Completed {
		done, all = j.Rows, j.Rows
	}
	share := 0.0
	if all > 0 {
		share = min(1, float64(done)/float64(all))
	} else if ended {
		share = 1
	}
	text := fmt.Sprintf("%s rows · part %d of %d · %s", count(done), p.PartsSealed, p.Parts, time.Since(b.began).Round(100*time.Millisecond))
	if b.screen.terminal {
		const width = 30
		full := int(share * width)
		fmt.Fprintf(b.screen.talk, "\r\x1b[K%-9s %s%s %3.0f %%  %s", b.name, strings.Repeat("█", full), strings.Repeat("░", width-full), share*100, text)
		if ended {
			fmt.Fprintln(b.screen.talk)
		}
		return
	}
	if tenth := int64(share * 10); tenth > b.tenth || ended {
		b.tenth = tenth
		b.screen.say("%s: %.0f %% · %s", b.name, share*100, text)
	}
}

// report prints what was exported and verified.
func (s *screen) report(root string, manifests []*export.Manifest) error {
	if s.json {
		return s.printJSON(manifests)
	}
	files, rows := 0, int64(0)
	s.say("")
	table := tabwriter.NewWriter(s.talk, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "rows\tbytes\tsha-256\t  file")
	const most = 40
	for _, m := range manifests {
		for i, f := range m.Files {
			if len(m.Files) > most && i == most/2 {
				fmt.Fprintf(table, "…\t…\t…\t  %d more, see %s\n", len(m.Files)-most, m.Key)
			}
			if len(m.Files) <= most || i < most/2 || i >= len(m.Files)-most/2 {
				fmt.Fprintf(table, "%s\t%s\t%.12s\t  %s\n", count(f.Rows), count(f.Bytes), f.SHA256, f.Key)
			}
			rows += f.Rows
		}
		files += len(m.Files)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, m := range manifests {
		for _, d := range m.Datasets {
			if d.Skipped != "" {
				s.say("skipped %s: %s", d.Name, d.Skipped)
			}
		}
		for _, w := range m.Warnings {
			s.say("note: %s", w)
		}
	}
	s.say("\nfiles are in %s", root)
	s.say("verified: %d files, %d rows", files, rows)
	return nil
}

func (s *screen) printJSON(manifests []*export.Manifest) error {
	var v any = manifests
	if len(manifests) == 1 {
		v = manifests[0]
	}
	enc := json.NewEncoder(s.out)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// count writes a number with its thousands apart.
func count(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
