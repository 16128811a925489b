package report

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// What is between these two lines of a document is made by the program.
const (
	begin = "<!-- begin of what go run ./internal/bench -md writes -->"
	end   = "<!-- end of what go run ./internal/bench -md writes -->"
)

// ErrNoPlace says that a document lacks the two lines.
var ErrNoPlace = errors.New("the document has no place for the figures: it needs the lines\n" + begin + "\n" + end)

// Fill puts the text between the two lines of a document, in place of what was
// there, and leaves the rest alone.
func Fill(path string, text []byte) error {
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	filled, err := fill(string(old), string(text))
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.WriteFile(path, []byte(filled), 0o644)
}

func fill(document, text string) (string, error) {
	head, rest, ok := strings.Cut(document, begin)
	_, tail, closed := strings.Cut(rest, end)
	if !ok || !closed {
		return "", ErrNoPlace
	}
	return head + begin + "\n\n" + strings.TrimSpace(text) + "\n\n" + end + tail, nil
}

// WriteAll writes what all tables say: first what came of the rules, then the
// figures of each output.
func WriteAll(w io.Writer, tables []*Table) error {
	var b bytes.Buffer
	if err := summarize(&b, tables); err != nil {
		return err
	}
	for _, t := range tables {
		if err := t.Write(&b); err != nil {
			return err
		}
	}
	_, err := w.Write(bytes.TrimRight(b.Bytes(), "\n"))
	if err == nil {
		_, err = io.WriteString(w, "\n")
	}
	return err
}

// summarize counts the gates and aims, and lists those that are not met.
func summarize(w io.Writer, tables []*Table) error {
	var gates, aims, gatesMet, aimsMet int
	var missed []string
	for _, t := range tables {
		for _, v := range t.Verdicts() {
			gates++
			gatesMet += count(v.Must)
			if v.Aim != nil {
				aims++
				aimsMet += count(*v.Aim)
			}
			switch {
			case !v.Must:
				missed = append(missed, fmt.Sprintf("- GATE not met: %s, %s: %s", v.Output, v.Rule, v.Figure))
			case v.Aim != nil && !*v.Aim:
				missed = append(missed, fmt.Sprintf("- aim not met: %s, %s, with %s to aim for: %s", v.Output, v.Rule, v.AimRule, v.Figure))
			}
		}
	}
	if gates == 0 {
		return nil
	}
	text := fmt.Sprintf("%d of %d gates are met, and %d of %d aims.\n", gatesMet, gates, aimsMet, aims)
	if len(missed) > 0 {
		text += "\n" + strings.Join(missed, "\n") + "\n"
	}
	_, err := io.WriteString(w, text+"\n")
	return err
}

func count(ok bool) int {
	if ok {
		return 1
	}
	return 0
}
