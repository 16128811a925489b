// Package board shows what a fleet does: a table that changes in a terminal, a line now
// and then in a pipe.
package board

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// A Stage is how far an export is.
type Stage int

// The stages, in their order.
const (
	Pending Stage = iota
	Running
	Completed
	Verified
	stages
)

var (
	names = [stages]string{"pending", "running", "completed", "verified"}
	signs = [stages]string{"·", "▸", "▪", "✓"}
)

// A Worker is one process as the board shows it.
type Worker struct {
	PID    int
	Up     time.Duration
	Killed int
}

// A Picture is what there is to see at a moment.
type Picture struct {
	Elapsed            time.Duration
	Exports            []Stage
	Parts, PartsSealed int // as far as they are planned
	Rows, RowsAll      int64
	Workers            []Worker
}

// A Board is where pictures go.
type Board struct {
	// Terminal draws each picture over the one before.
	Terminal bool

	out   io.Writer
	lines int
	said  time.Duration
	err   error // the first of writing
}

// New returns a board on an output, of which it finds out whether people look at it.
func New(out io.Writer) *Board {
	b := &Board{out: out, said: -every}
	if f, ok := out.(*os.File); ok {
		info, err := f.Stat()
		b.Terminal = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	return b
}

// every is how often there is a line in a pipe.
const every = 2 * time.Second

// Say writes a line below the pictures.
func (b *Board) Say(format string, args ...any) {
	b.lines = 0
	b.write(fmt.Sprintf(format+"\n", args...))
}

func (b *Board) write(text string) {
	if _, err := io.WriteString(b.out, text); b.err == nil {
		b.err = err
	}
}

// Err is the first error of writing.
func (b *Board) Err() error { return b.err }

// Show shows a picture. In a pipe there is one every two seconds.
func (b *Board) Show(p Picture) {
	if !b.Terminal {
		if p.Elapsed-b.said >= every {
			b.said = p.Elapsed
			b.Say("%s", p.line())
		}
		return
	}
	text := p.table()
	if b.lines > 0 {
		text = fmt.Sprintf("\x1b[%dA\x1b[J", b.lines) + text
	}
	b.write(text)
	b.lines = strings.Count(p.table(), "\n")
}

// counts says how many exports are in each stage.
func (p Picture) counts() string {
	var n [stages]int
	for _, s := range p.Exports {
		n[s]++
	}
	var parts []string
	for s, name := range names {
		parts = append(parts, fmt.Sprintf("%d %s", n[s], name))
	}
	return strings.Join(parts, " · ")
}

func (p Picture) kills() (n int) {
	for _, w := range p.Workers {
		n += w.Killed
	}
	return n
}

func (p Picture) line() string {
	return fmt.Sprintf("%3.0fs  %s · %d of %d parts · %s rows · %d killed",
		p.Elapsed.Seconds(), p.counts(), p.PartsSealed, p.Parts, Count(p.Rows), p.kills())
}

// width is how many exports stand in a line.
const width = 50

func (p Picture) table() string {
	var t strings.Builder
	fmt.Fprintf(&t, "%3.0fs  %s\n", p.Elapsed.Seconds(), p.counts())
	for i := 0; i < len(p.Exports); i += width {
		t.WriteString("      ")
		for _, s := range p.Exports[i:min(i+width, len(p.Exports))] {
			t.WriteString(signs[s])
		}
		t.WriteString("\n")
	}
	fmt.Fprintf(&t, "      %d of %d parts · %s of %s rows\n", p.PartsSealed, p.Parts, Count(p.Rows), Count(p.RowsAll))
	for i, w := range p.Workers {
		state := "being started"
		if w.PID > 0 {
			state = fmt.Sprintf("pid %-8d up %2.0f s", w.PID, w.Up.Seconds())
		}
		fmt.Fprintf(&t, "      worker %d   %-24s killed %d times\n", i+1, state, w.Killed)
	}
	return t.String()
}

// Count writes a number with its thousands apart.
func Count(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
