package formats_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/format/csvfmt"
	"github.com/exportyard/exportyard/format/jsonfmt"
	"github.com/exportyard/exportyard/format/parquetfmt"
	"github.com/exportyard/exportyard/format/xlsxfmt"
	"github.com/exportyard/exportyard/internal/formats"
)

func TestSet(t *testing.T) {
	t.Parallel()
	set := formats.Set{jsonfmt.Document{}, csvfmt.Format{Profile: csvfmt.Excel}, csvfmt.Format{}}
	require.Equal(t, "excel", set.Find("csv", "").Info().Profile, "the first that matches")
	require.Equal(t, "exact", set.Find("csv", "exact").Info().Profile)
	require.Nil(t, set.Find("csv", "other"))
	require.Nil(t, set.Find("paper", ""))
	require.Equal(t, []string{"csv (exact)", "csv (excel)", "json"}, set.Names())
}

// B15: text is compressed from outside, Parquet inside, and a workbook not at all.
func TestB15_Encoding(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		f     format.Formatter
		asked format.Compression
		codec format.Compression
		err   string
	}{
		{"nothing asked", csvfmt.Format{}, "", format.None, ""},
		{"text", csvfmt.Format{}, format.Gzip, format.Gzip, ""},
		{"inside", parquetfmt.Format{}, format.Zstd, format.None, ""},
		{"a workbook", xlsxfmt.Format{}, format.Gzip, "", "xlsx cannot be compressed with gzip"},
		{"unknown", csvfmt.Format{}, "rar", "", `"rar" is not a compression`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f, codec, err := formats.Encoding(tt.f, tt.asked)
			if tt.err != "" {
				require.EqualError(t, err, tt.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.codec, codec)
			require.Equal(t, tt.f.Info().Name, f.Info().Name)
		})
	}
}
