package csvfmt_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/format/csvfmt"
	"github.com/exportyard/exportyard/format/formattest"
	"github.com/exportyard/exportyard/source"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]csvfmt.Format{
		"exact":       {},
		"excel":       {Profile: csvfmt.Excel},
		"excel comma": {Profile: csvfmt.Excel, Delimiter: ','},
		"excel tab":   {Profile: csvfmt.Excel, Delimiter: '\t'},
		"excel bar":   {Profile: csvfmt.Excel, Delimiter: '|'},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			formattest.Run(t, func(*testing.T) formattest.Harness {
				return formattest.Harness{Formatter: f, Decode: decoder(f)}
			})
		})
	}
}

// encode makes a file of one String column called name.
func encode(t require.TestingT, f csvfmt.Format, name string, kind source.Kind, cells ...string) string {
	schema := source.Schema{{Name: name, Kind: kind}}
	b := source.NewBatch(schema, 0, 0)
	for _, cell := range cells {
		require.NoError(t, source.ParseText(b.Col(0), cell))
		b.EndRow()
	}
	var file bytes.Buffer
	w, err := f.NewWriter(&file, schema)
	require.NoError(t, err)
	require.NoError(t, w.Write(b))
	require.NoError(t, w.Close())
	return file.String()
}
