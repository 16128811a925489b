package architecture_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// maxReadme is how long the front page may be, in lines.
const maxReadme = 150

// headings are what the page of every adapter tells, in this order.
var headings = []string{"What it does", "Types and limits", "Atomicity", "Errors", "Options"}

// quoted finds a Go block of a document under the mark that names the example it
// quotes: <!-- quoted from FILE: FUNCTION -->.
var quoted = regexp.MustCompile("(?s)<!-- quoted from (\\S+): (\\w+) -->\n```go\n(.*?)```\n")

func TestDocumentsQuoteExamples(t *testing.T) {
	t.Parallel()
	all := repository(t)
	requireNone(t, checkQuotes(all))
	i := slices.IndexFunc(all, func(f file) bool { return f.path == "README.md" })
	require.GreaterOrEqual(t, i, 0, "there is no README.md")
	readme := all[i]
	require.Regexp(t, quoted, readme.text, "README.md shows no wiring that is compiled")
	require.LessOrEqual(t, strings.Count(readme.text, "\n"), maxReadme, "README.md is a front page, not a manual")
}

// checkQuotes finds Go in documents that is not, line by line, the body of an
// Example that go test runs.
func checkQuotes(all []file) []string {
	var problems []string
	for _, f := range all {
		if path.Ext(f.path) != ".md" {
			continue
		}
		blocks := quoted.FindAllStringSubmatch(f.text, -1)
		if n := strings.Count(f.text, "```go\n"); n != len(blocks) {
			problems = append(problems, fmt.Sprintf("%s: %d blocks of Go, %d of them quoted from an example", f, n, len(blocks)))
		}
		for _, block := range blocks {
			from, function, text := block[1], block[2], block[3]
			i := slices.IndexFunc(all, func(f file) bool { return f.path == from })
			if i < 0 {
				problems = append(problems, fmt.Sprintf("%s: quotes %s, which does not exist", f, from))
				continue
			}
			body, ok := exampleBody(all[i], function)
			switch {
			case !ok:
				problems = append(problems, fmt.Sprintf("%s: quotes %s, which has no %s with an Output", f, from, function))
			case body != text:
				problems = append(problems, fmt.Sprintf("%s: its block is not the body of %s in %s, which is:\n%s", f, function, from, body))
			}
		}
	}
	return problems
}

// exampleBody gives the text between an example's braces, without its output and
// one tab to the left.
func exampleBody(f file, function string) (string, bool) {
	set := token.NewFileSet()
	tree, err := parser.ParseFile(set, f.path, f.text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return "", false
	}
	for _, decl := range tree.Decls {
		fn, ok := decl.(*ast.FuncDecl)
		if !ok || fn.Name.Name != function || !strings.HasPrefix(function, "Example") {
			continue
		}
		body := f.text[set.Position(fn.Body.Lbrace).Offset+1 : set.Position(fn.Body.Rbrace).Offset]
		code, _, ok := strings.Cut(body, "\n\t// Output:")
		code = strings.TrimPrefix(strings.TrimRight(code, "\n"), "\n")
		return strings.ReplaceAll(strings.TrimPrefix(code, "\t"), "\n\t", "\n") + "\n", ok
	}
	return "", false
}

func TestAdaptersHavePages(t *testing.T) {
	t.Parallel()
	requireNone(t, checkPages(repository(t)))
}

// checkPages finds adapters whose package page lacks one of the headings, has them
// in another order, or shows no example that runs.
func checkPages(all []file) []string {
	pages := map[string]string{}
	examples := map[string]bool{}
	var adapters []string
	for _, f := range all {
		folder := path.Dir(f.path)
		if !f.isGo() || f.isSuite() || !slices.Contains(contracts, path.Dir(folder)) || slices.Contains(shared, folder) {
			continue
		}
		if !slices.Contains(adapters, folder) {
			adapters = append(adapters, folder)
		}
		tree, err := parser.ParseFile(token.NewFileSet(), f.path, f.text, parser.ParseComments|parser.SkipObjectResolution)
		switch {
		case err != nil:
			return []string{at(f, 1, "does not parse: %v", err)}
		case f.isTest():
			examples[folder] = examples[folder] || strings.Contains(f.text, "\nfunc Example") && strings.Contains(f.text, "\n\t// Output:")
		default:
			pages[folder] += tree.Doc.Text()
		}
	}
	var problems []string
	for _, folder := range adapters {
		rest := pages[folder]
		for _, heading := range headings {
			_, after, ok := strings.Cut(rest, "# "+heading+"\n")
			if !ok {
				problems = append(problems, fmt.Sprintf("%s: its page has no heading %q, or not in its place", folder, heading))
				break
			}
			rest = after
		}
		if !examples[folder] {
			problems = append(problems, fmt.Sprintf("%s: its page shows no example with an Output", folder))
		}
	}
	return problems
}

func TestCheckQuotesFindsBreaks(t *testing.T) {
	t.Parallel()
	const example = "package p_test\n\nfunc Example() {\n\ta := 1\n\tif a > 0 {\n\t\tprint(a)\n\t}\n\n\t// Output: 1\n}\n\nfunc Example_mute() {\n\tprint(1)\n}\n"
	const body = "a := 1\nif a > 0 {\n\tprint(a)\n}\n"
	page := func(function, text string) string {
		return "# Page\n\n<!-- quoted from p/example_test.go: " + function + " -->\n```go\n" + text + "```\n"
	}
	tests := []struct {
		name string
		page string
		want string
	}{
		{name: "word by word", page: page("Example", body)},
		{name: "no Go at all", page: "# Page\n"},
		{name: "another word", page: page("Example", strings.ReplaceAll(body, "a", "b")), want: "is not the body of Example"},
		{name: "a line less", page: page("Example", "a := 1\n"), want: "is not the body of Example"},
		{name: "unknown function", page: page("Example_other", body), want: "has no Example_other"},
		{name: "example that does not run", page: page("Example_mute", "print(1)\n"), want: "has no Example_mute with an Output"},
		{name: "unknown file", page: strings.ReplaceAll(page("Example", body), "p/", "q/"), want: "does not exist"},
		{name: "unmarked block", page: "```go\na := 1\n```\n", want: "1 blocks of Go, 0 of them quoted"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			requireOne(t, tt.want, checkQuotes([]file{{"README.md", tt.page}, {"p/example_test.go", example}}))
		})
	}
}

func TestCheckPagesFindsBreaks(t *testing.T) {
	t.Parallel()
	page := func(headings ...string) file {
		return file{"sink/x/x.go", "// Package x is an adapter.\n//\n// # " + strings.Join(headings, "\n//\n// Text.\n//\n// # ") + "\npackage x\n"}
	}
	shown := file{"sink/x/x_test.go", "package x_test\n\nfunc Example() {\n\tprint(1)\n\n\t// Output: 1\n}\n"}
	tests := []struct {
		name  string
		files []file
		want  string
	}{
		{name: "complete", files: []file{page(headings...), shown}},
		{name: "heading missing", files: []file{page(headings[:4]...), shown}, want: `no heading "Options"`},
		{name: "headings turned round", files: []file{page(headings[1], headings[0], headings[2], headings[3], headings[4]), shown}, want: `no heading "Types and limits"`},
		{name: "no example", files: []file{page(headings...)}, want: "no example"},
		{name: "example without output", files: []file{page(headings...), {shown.path, "package x_test\n\nfunc Example() {\n}\n"}}, want: "no example"},
		{name: "a shared room needs none", files: []file{{"queue/fair/x.go", "package fair\n"}}},
		{name: "a suite needs none", files: []file{{"sink/xtest/x.go", "package xtest\n"}}},
		{name: "a contract needs none", files: []file{{"sink/x.go", "package sink\n"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			requireOne(t, tt.want, checkPages(tt.files))
		})
	}
}
