package architecture_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
)

// Limits in lines as an editor counts them.
const (
	maxFunction = 70
	maxFile     = 500
	maxTestFile = 800
)

// A size is the most lines of code that a room may hold, tests not counted. A
// line of code is one with something on it beside space and comments, so that
// nobody saves on documentation. A room that outgrows its limit lacks a door to
// another room; what the limit asks for is that room, not shorter lines.
type size struct {
	at    string
	lines int
}

// sizes is read like rooms: the first that matches holds.
var sizes = []size{
	{"source", 1300}, // The contract, and beside it the vectors of a batch, 128-bit decimals, the text of every kind, and Merge.
	{"format", 600},
	{"sink", 600},
	{"queue", 1000}, // The contract, and the rules of the lives of jobs, schedules and events that every store calls.
	{"export", 3000},
	{"source/sourcetest", 2500}, // A suite is one short function for each rule, and grows with the rules.
	{"format/formattest", 2500},
	{"sink/sinktest", 2500},
	{"queue/queuetest", 4800},
	{"...", 800},
}

func TestSizes(t *testing.T) {
	t.Parallel()
	requireNone(t, checkSizes(repository(t)))
}

// checkSizes finds functions, files and rooms that have grown too large.
func checkSizes(all []file) []string {
	var problems []string
	totals := map[string]int{}
	for _, f := range all {
		if !f.isGo() {
			continue
		}
		limit := maxFile
		if f.isTest() {
			limit = maxTestFile
		}
		if n := strings.Count(f.text, "\n"); n > limit {
			problems = append(problems, at(f, 1, "a file of %d lines, more than %d", n, limit))
		}
		if f.isTest() {
			continue // A table of cases may make its test long.
		}
		problems = append(problems, longFunctions(f)...)
		totals[path.Dir(f.path)] += codeLines(f.text)
	}
	for _, folder := range slices.Sorted(maps.Keys(totals)) {
		i := slices.IndexFunc(sizes, func(s size) bool { return matches(s.at, folder) })
		if limit := sizes[i].lines; totals[folder] > limit {
			problems = append(problems, fmt.Sprintf("%s: a room of %d lines of code, more than %d", folder, totals[folder], limit))
		}
	}
	return problems
}

// longFunctions finds the functions of a file that are too long.
func longFunctions(f file) []string {
	set := token.NewFileSet()
	tree, err := parser.ParseFile(set, f.path, f.text, parser.SkipObjectResolution)
	if err != nil {
		return []string{at(f, 1, "does not parse: %v", err)}
	}
	var problems []string
	for _, decl := range tree.Decls {
		fn, ok := decl.(*ast.FuncDecl)
		if !ok {
			continue
		}
		first, last := set.Position(fn.Pos()).Line, set.Position(fn.End()).Line
		if n := last - first + 1; n > maxFunction {
			problems = append(problems, at(f, first, "the function %s has %d lines, more than %d", fn.Name, n, maxFunction))
		}
	}
	return problems
}

// codeLines counts the lines on which a token of the language begins or, for raw
// strings, goes on.
func codeLines(text string) int {
	set := token.NewFileSet()
	source := set.AddFile("", -1, len(text))
	var s scanner.Scanner
	s.Init(source, []byte(text), nil, 0)
	lines := map[int]bool{}
	for {
		pos, tok, literal := s.Scan()
		switch {
		case tok == token.EOF:
			return len(lines)
		case tok == token.SEMICOLON && literal == "\n":
			continue // The scanner puts these in; nobody wrote them.
		}
		first := source.Line(pos)
		for line := first; line <= first+strings.Count(literal, "\n"); line++ {
			lines[line] = true
		}
	}
}

func TestCheckSizesFindsBreaks(t *testing.T) {
	t.Parallel()
	repeat := func(line string, n int) string { return strings.Repeat(line+"\n", n) }
	function := func(lines int) string { return "package p\n\nfunc f() {\n" + repeat("\tg()", lines-2) + "}\n" }
	tests := []struct {
		name string
		path string
		text string
		want string
	}{
		{name: "the longest function", path: "sink/a.go", text: function(70)},
		{name: "a line more", path: "sink/a.go", text: function(71), want: "sink/a.go:3: the function f has 71 lines"},
		{name: "a long test", path: "sink/a_test.go", text: function(71)},
		{name: "the longest file", path: "sink/a.go", text: "package p\n" + repeat("// a", 499)},
		{name: "a line more in the file", path: "sink/a.go", text: "package p\n" + repeat("// a", 500), want: "a file of 501 lines"},
		{name: "the longest test file", path: "sink/a_test.go", text: "package p\n" + repeat("// a", 799)},
		{name: "a line more in the test file", path: "sink/a_test.go", text: "package p\n" + repeat("// a", 800), want: "a file of 801 lines"},
		{name: "not Go", path: "sink/notes.md", text: repeat("a", 900)},
		{name: "broken Go", path: "sink/a.go", text: "package", want: "does not parse"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			requireOne(t, tt.want, checkSizes([]file{{tt.path, tt.text}}))
		})
	}
}

func TestCheckSizesAddsUpRooms(t *testing.T) {
	t.Parallel()
	half := "package p\n\n// Comments do not count.\n\nvar (\n" + strings.Repeat("\t_ = 0\n", 300-3) + ")\n"
	tests := []struct {
		name  string
		files []file
		want  string
	}{
		{name: "full", files: []file{{"sink/a.go", half}, {"sink/b.go", half}}},
		{name: "another room", files: []file{{"sink/a.go", half}, {"sink/b.go", half}, {"sink/memsink/c.go", half}}},
		{name: "tests do not count", files: []file{{"sink/a.go", half}, {"sink/b.go", half}, {"sink/c_test.go", half}}},
		{name: "too full", files: []file{{"sink/a.go", half}, {"sink/b.go", half + "var a = 0\n"}}, want: "sink: a room of 601 lines"},
		{name: "a raw string counts", files: []file{{"sink/a.go", half}, {"sink/b.go", half + "var a = `\n\n`\n"}}, want: "sink: a room of 603 lines"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			requireOne(t, tt.want, checkSizes(tt.files))
		})
	}
}
