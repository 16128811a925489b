package usage_test

import (
	"bytes"
	"encoding/csv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/format/formattest"
	"github.com/exportyard/exportyard/internal/bench/internal/usage"
	"github.com/exportyard/exportyard/source"
)

const rows = source.DefaultBatchRows + 100 // two chunks

func TestRowsAreThoseOfTheTable(t *testing.T) {
	t.Parallel()
	var file, again bytes.Buffer
	require.NoError(t, usage.WriteCSV(&file, rows, 1))
	require.NoError(t, usage.WriteCSV(&again, rows, 1))
	require.Equal(t, file.Bytes(), again.Bytes(), "the same seed gives the same rows")
	records, err := csv.NewReader(&file).ReadAll()
	require.NoError(t, err)
	require.Equal(t, formattest.UsageSchema().Names(), records[0])

	plain, err := usage.Rows(rows, 1)
	require.NoError(t, err)
	typed, err := usage.TypedRows(rows, 1)
	require.NoError(t, err)
	require.Len(t, plain, rows)
	for i := range plain {
		require.Equal(t, plain[i].Record(), typed[i].Record())
		for c, cell := range records[i+1] {
			if c != 12 && c != 13 { // times have as many digits as each writer likes
				require.Equal(t, cell, plain[i].Record()[c])
			}
		}
	}
	require.NotEqual(t, records[1][0], records[rows][0])
}

func TestFieldsAreAsManyAsColumns(t *testing.T) {
	t.Parallel()
	require.Len(t, new(usage.Row).Fields(), len(formattest.UsageSchema()))
}
