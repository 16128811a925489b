package architecture_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// vagueNames say nothing about what a folder, a file or a type is.
var vagueNames = []string{"util", "utils", "common", "helper", "helpers", "manager", "types", "models"}

var (
	// vagueType is a type called after nothing in particular.
	vagueType = regexp.MustCompile(`(Util|Utils|Helper|Helpers|Manager)$`)
	// unfinished marks work left for later; it is written so as not to find itself.
	unfinished = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X|HA` + `CK)\b`)
	// unpinned asks for whatever version is newest on the day.
	unpinned = regexp.MustCompile(`@la` + `test\b`)
)

// skipWindow is in how many lines above a skip it must say what CI makes of it.
const skipWindow = 6

func TestWords(t *testing.T) {
	t.Parallel()
	requireNone(t, checkWords(repository(t)))
}

// checkWords finds names, marks and calls that have no place in this repository.
func checkWords(all []file) []string {
	var problems []string
	for _, f := range all {
		problems = append(problems, checkLines(f)...)
		if f.isGo() {
			problems = append(problems, checkCode(f)...)
		}
	}
	return problems
}

// checkLines finds what shows in the text and in the path of a file.
func checkLines(f file) []string {
	var problems []string
	for _, element := range strings.Split(f.path, "/") {
		stem := strings.TrimSuffix(strings.TrimSuffix(element, path.Ext(element)), "_test")
		if f.isGo() && slices.Contains(vagueNames, stem) {
			problems = append(problems, at(f, 1, "the name %s says nothing: what is it really?", stem))
		}
	}
	for i, line := range strings.Split(f.text, "\n") {
		if mark := unfinished.FindString(line); mark != "" {
			problems = append(problems, at(f, i+1, "the mark %s: do it, or file it", mark))
		}
		if unpinned.MatchString(line) {
			problems = append(problems, at(f, i+1, "names no version"))
		}
	}
	return problems
}

// checkCode finds what shows in the syntax of a Go file.
func checkCode(f file) []string {
	set := token.NewFileSet()
	tree, err := parser.ParseFile(set, f.path, f.text, parser.SkipObjectResolution)
	if err != nil {
		return []string{at(f, 1, "does not parse: %v", err)}
	}
	imports := importNames(tree)
	library := !f.isTest() && !f.isSuite() && !f.isProgram()
	var problems []string
	ast.Inspect(tree, func(node ast.Node) bool {
		switch n := node.(type) {
		case *ast.FuncDecl:
			if library && n.Recv == nil && n.Name.Name == "init" {
				problems = append(problems, at(f, set.Position(n.Pos()).Line, "func init: let the host build what it needs"))
			}
		case *ast.TypeSpec:
			if vagueType.MatchString(n.Name.Name) {
				problems = append(problems, at(f, set.Position(n.Pos()).Line, "the type name %s says nothing: what is it really?", n.Name))
			}
		case *ast.SelectorExpr:
			line := set.Position(n.Pos()).Line
			if why := forbidden(f, library, imports, n); why != "" {
				problems = append(problems, at(f, line, "%s", why))
			}
			if f.isTest() && skips(imports, n) && !mentionsCI(f.text, line) {
				problems = append(problems, at(f, line, "a skip that CI would not notice"))
			}
		}
		return true
	})
	return problems
}

// skips reports whether a selector is a test's or a benchmark's way out.
func skips(imports map[string]string, use *ast.SelectorExpr) bool {
	left, ok := use.X.(*ast.Ident)
	return ok && imports[left.Name] == "" && slices.Contains([]string{"Skip", "Skipf", "SkipNow"}, use.Sel.Name)
}

// mentionsCI reports whether the lines up to this one ask for the variable CI.
func mentionsCI(text string, line int) bool {
	lines := strings.Split(text, "\n")[max(0, line-1-skipWindow):line]
	return strings.Contains(strings.Join(lines, "\n"), `"CI"`)
}

// forbidden says why a use of another package's name has no place here, or nothing.
func forbidden(f file, library bool, imports map[string]string, use *ast.SelectorExpr) string {
	left, ok := use.X.(*ast.Ident)
	if !ok {
		return ""
	}
	switch name := imports[left.Name] + "." + use.Sel.Name; name {
	case "time.Sleep":
		if f.isProgram() && !f.isTest() {
			return ""
		}
		return "time.Sleep: wait for what you mean, in a synctest bubble or on a context"
	case "os.Getenv", "os.LookupEnv", "os.Environ", "os.ExpandEnv", "syscall.Getenv":
		if library {
			return name + ": a library reads no environment; take it as an option"
		}
	}
	return ""
}

// importNames maps the names that a file uses for its imports to their paths.
func importNames(tree *ast.File) map[string]string {
	names := map[string]string{}
	for _, spec := range tree.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue
		}
		name := path.Base(imported)
		if spec.Name != nil {
			name = spec.Name.Name
		}
		names[name] = imported
	}
	return names
}

func TestCheckWordsFindsBreaks(t *testing.T) {
	t.Parallel()
	code := func(imported, body string) string {
		return "package p\n\nimport \"" + imported + "\"\n\nfunc f() { " + body + " }\n"
	}
	// Written so that a search of the tree for the real ones does not end here.
	const sleep, leave = "time." + "Sleep(1)", "t." + "Skip(`no server`)"
	tests := []struct {
		name string
		path string
		text string
		want string
	}{
		{name: "clean", path: "sink/sink.go", text: "package sink\n"},
		{name: "folder", path: "sink/utils/a.go", text: "package utils\n", want: "the name utils"},
		{name: "file", path: "sink/helpers.go", text: "package sink\n", want: "the name helpers"},
		{name: "test file", path: "sink/common_test.go", text: "package sink\n", want: "the name common"},
		{name: "type", path: "sink/sink.go", text: "package sink\n\ntype KeyManager int\n", want: "the type name KeyManager"},
		{name: "mark", path: "sink/sink.go", text: "package sink // TO" + "DO: more\n", want: "the mark TO"},
		{name: "mark in a document", path: "README.md", text: "FIX" + "ME\n", want: "the mark FIX"},
		{name: "unpinned tool", path: ".ci/run", text: "go install x@la" + "test\n", want: "names no version"},
		{name: "sleep in a test", path: "sink/a_test.go", text: code("time", sleep), want: "time.Sleep"},
		{name: "sleep in a program's test", path: "examples/a_test.go", text: code("time", sleep), want: "time.Sleep"},
		{name: "sleep in the library", path: "sink/a.go", text: code("time", sleep), want: "time.Sleep"},
		{name: "sleep in a program", path: "examples/a.go", text: code("time", sleep)},
		{name: "sleep handed on", path: "sink/a.go", text: code("time", "g(time.Sleep)"), want: "time.Sleep"},
		{name: "environment", path: "export/a.go", text: code("os", "os.Getenv(`A`)"), want: "os.Getenv"},
		{name: "environment in a test", path: "export/a_test.go", text: code("os", "os.Getenv(`CI`)")},
		{name: "environment in a program", path: "examples/a.go", text: code("os", "os.Getenv(`A`)")},
		{name: "another package called os", path: "export/a.go", text: code("example.org/os", "os.Getenv(`A`)")},
		{name: "renamed import", path: "export/a.go", text: "package p\n\nimport sys \"os\"\n\nvar a = sys.Getenv(`A`)\n", want: "os.Getenv"},
		{name: "init", path: "export/a.go", text: "package p\n\nfunc init() {}\n", want: "func init"},
		{name: "a method called init", path: "export/a.go", text: "package p\n\nfunc (a A) init() {}\n"},
		{name: "silent skip", path: "sink/a_test.go", text: code("testing", leave), want: "a skip that CI would not notice"},
		{
			name: "skip that fails in CI", path: "sink/a_test.go",
			text: "package p\n\nimport \"os\"\n\nfunc f() {\n\tif os.Getenv(\"CI\") == \"true\" {\n\t\tt.Fatal(`no server`)\n\t}\n\t" + leave + "\n}\n",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			requireOne(t, tt.want, checkWords([]file{{tt.path, tt.text}}))
		})
	}
}
