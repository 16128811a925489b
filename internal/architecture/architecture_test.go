// Package architecture_test holds the rules of this repository that the compiler
// does not know: who may import whom, how large a room may grow, which words and
// calls have no place, what all modules must agree on, and that what the documents
// quote is code that runs.
//
// Each rule is a function from a tree of files, or from a list of packages or
// modules, to a list of problems. One test applies it to the repository and must
// find none; the others feed it broken input and must find each break.
package architecture_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// root is the top of the repository, as seen from this package's folder.
const root = "../.."

// modulePath is the path of the root module; every other module lies below it.
const modulePath = "github.com/exportyard/exportyard"

// A file is one file of the tree, with its path from the top.
type file struct {
	path string
	text string
}

func (f file) isGo() bool   { return strings.HasSuffix(f.path, ".go") }
func (f file) isTest() bool { return strings.HasSuffix(f.path, "_test.go") }

// isProgram reports whether the file belongs to a program rather than to the
// library: what a program may do, a library may not.
func (f file) isProgram() bool {
	return within(f.path, "examples") || within(f.path, "tools") || within(f.path, "internal/e2e") || within(f.path, "internal/bench")
}

// isSuite reports whether the file belongs to a conformance suite, which is test
// code that other packages import.
func (f file) isSuite() bool { return strings.HasSuffix(path.Dir(f.path), "test") }

func (f file) String() string { return f.path }

// within reports whether a path is the folder or lies below it.
func within(p, folder string) bool {
	return p == folder || strings.HasPrefix(p, folder+"/")
}

// files reads every file below the top that people write, in the order of their paths.
func files(fsys fs.FS) ([]file, error) {
	var all []file
	err := fs.WalkDir(fsys, ".", func(p string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			if name := entry.Name(); name == ".git" || name == "node_modules" || name == "testdata" {
				return fs.SkipDir
			}
			return nil
		case !entry.Type().IsRegular() || !written(p):
			return nil
		}
		text, err := fs.ReadFile(fsys, p)
		if err != nil {
			return err
		}
		all = append(all, file{path: p, text: string(text)})
		return nil
	})
	return all, err
}

// written reports whether people write files of this name: Go, scripts, settings
// and documents.
func written(p string) bool {
	switch path.Ext(p) {
	case ".go", ".md", ".yml", ".yaml", ".sh", ".py", ".js", ".mod", ".work":
		return true
	case "":
		return within(p, ".ci") || within(p, "scripts")
	}
	return false
}

// repository reads the repository itself. Because it opens every file, go test
// knows that a change to any of them asks for this package's tests again.
func repository(t *testing.T) []file {
	t.Helper()
	all, err := files(os.DirFS(root))
	require.NoError(t, err)
	require.NotEmpty(t, all)
	return all
}

// decode runs a go command at the top of the repository, with its go.work in
// force whatever the environment says, and decodes the JSON values it prints.
func decode[T any](t *testing.T, env []string, args ...string) []T {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), append([]string{"GOWORK="}, env...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, "go %s: %s", strings.Join(args, " "), &stderr)
	var values []T
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var v T
		switch err := dec.Decode(&v); err {
		case nil:
			values = append(values, v)
		case io.EOF:
			return values
		default:
			require.NoError(t, err)
		}
	}
}

// requireNone fails with one line for each problem.
func requireNone(t *testing.T, problems []string) {
	t.Helper()
	if len(problems) > 0 {
		t.Fatalf("%d found:\n%s", len(problems), strings.Join(problems, "\n"))
	}
}

// requireOne fails unless there is exactly one problem and it contains the text;
// an empty text asks for no problem at all.
func requireOne(t *testing.T, want string, problems []string) {
	t.Helper()
	if want == "" {
		requireNone(t, problems)
		return
	}
	require.Len(t, problems, 1, "want one problem with %q", want)
	require.Contains(t, problems[0], want)
}

// at names a place in a file.
func at(f file, line int, format string, args ...any) string {
	return fmt.Sprintf("%s:%d: %s", f, line, fmt.Sprintf(format, args...))
}
