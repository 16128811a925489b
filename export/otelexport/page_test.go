package otelexport_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// listed returns name and unit of the metrics in the package page's table.
func listed(t *testing.T) []string {
	t.Helper()
	page, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	var all []string
	for line := range strings.Lines(string(page)) {
		row, ok := strings.CutPrefix(line, "//\texportyard.")
		if !ok || !strings.Contains(row, "  ") || strings.Contains(row, ", exportyard.") {
			continue
		}
		// name, kind, unit, what
		fields := strings.Fields(row)
		all = append(all, "exportyard."+fields[0]+" "+fields[2])
	}
	slices.Sort(all)
	require.NotEmpty(t, all)
	return all
}
