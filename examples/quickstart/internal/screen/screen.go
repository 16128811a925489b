// Package screen shows what the quickstart does: to people, or with -json to
// programs.
package screen

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/exportyard/exportyard/export"
	"github.com/exportyard/exportyard/export/manifest"
)

// A Screen is where the program speaks: standard output, or with JSON standard
// error, so that nothing but the manifest is on standard output.
type Screen struct {
	// Terminal draws bars in place of lines.
	Terminal bool

	talk io.Writer
	out  io.Writer
	json bool
	err  error // the first of writing
}

// New returns a screen on the two outputs, of which it finds out whether people
// look at them.
func New(stdout, stderr io.Writer, asJSON bool) *Screen {
	s := &Screen{talk: stdout, out: stdout, json: asJSON}
	if asJSON {
		s.talk = stderr
	}
	if f, ok := s.talk.(*os.File); ok {
		if info, err := f.Stat(); err == nil {
			s.Terminal = info.Mode()&os.ModeCharDevice != 0
		}
	}
	return s
}

// Say writes a line.
func (s *Screen) Say(format string, args ...any) { s.printf(format+"\n", args...) }

func (s *Screen) printf(format string, args ...any) {
	if _, err := fmt.Fprintf(s.talk, format, args...); s.err == nil {
		s.err = err
	}
}

// A Bar shows the progress of one export: a bar that moves in a terminal,
// a line for every tenth in a pipe.
type Bar struct {
	screen *Screen
	name   string
	began  time.Time
	tenth  int64
}

// Bar begins to show an export by that name.
func (s *Screen) Bar(name string) *Bar {
	return &Bar{screen: s, name: name, began: time.Now(), tenth: -1}
}

// Show shows how far the export is now.
func (b *Bar) Show(j *export.Job) {
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
	text := fmt.Sprintf("%s rows · part %d of %d · %s", Count(done), p.PartsSealed, p.Parts, time.Since(b.began).Round(100*time.Millisecond))
	if b.screen.Terminal {
		const width = 30
		full := int(share * width)
		b.screen.printf("\r\x1b[K%-9s %s%s %3.0f %%  %s", b.name, strings.Repeat("█", full), strings.Repeat("░", width-full), share*100, text)
		if ended {
			b.screen.printf("\n")
		}
		return
	}
	if tenth := int64(share * 10); tenth > b.tenth || ended {
		b.tenth = tenth
		b.screen.Say("%s: %.0f %% · %s", b.name, share*100, text)
	}
}

// Report prints what was exported and verified. The error is the first of all writing.
func (s *Screen) Report(root string, manifests []*manifest.Manifest) error {
	if s.json {
		return s.printJSON(manifests)
	}
	files, rows := 0, int64(0)
	s.Say("")
	table := tabwriter.NewWriter(s.talk, 0, 0, 2, ' ', tabwriter.AlignRight)
	lines := []string{"rows\tbytes\tsha-256\t  file"}
	const most = 40
	for _, m := range manifests {
		for i, f := range m.Files {
			if len(m.Files) > most && i == most/2 {
				lines = append(lines, fmt.Sprintf("…\t…\t…\t  %d more, see %s", len(m.Files)-most, m.Key))
			}
			if len(m.Files) <= most || i < most/2 || i >= len(m.Files)-most/2 {
				lines = append(lines, fmt.Sprintf("%s\t%s\t%.12s\t  %s", Count(f.Rows), Count(f.Bytes), f.SHA256, f.Key))
			}
			rows += f.Rows
		}
		files += len(m.Files)
	}
	if _, err := io.WriteString(table, strings.Join(lines, "\n")+"\n"); err != nil {
		return err
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, m := range manifests {
		for _, d := range m.Datasets {
			if d.Skipped != "" {
				s.Say("skipped %s: %s", d.Name, d.Skipped)
			}
		}
		for _, w := range m.Warnings {
			s.Say("note: %s", w)
		}
	}
	s.Say("\nfiles are in %s", root)
	s.Say("verified: %d files, %d rows", files, rows)
	return s.err
}

func (s *Screen) printJSON(manifests []*manifest.Manifest) error {
	var v any = manifests
	if len(manifests) == 1 {
		v = manifests[0]
	}
	enc := json.NewEncoder(s.out)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// Count writes a number with its thousands apart.
func Count(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
