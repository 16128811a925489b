package export_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/export"
	"github.com/exportyard/exportyard/export/manifest"
	"github.com/exportyard/exportyard/format/xlsxfmt"
)

var (
	sheetName = regexp.MustCompile(`<sheet name="([^"]*)"`)
	sheetRow  = regexp.MustCompile(`<row>.*?</row>`)
)

// sheets reads a workbook: the names of the sheets, and their rows without the
// header as they stand in the file.
func (h *house) sheets(j *export.Job, file int) (names []string, rows [][]string) {
	h.t.Helper()
	data := h.content(j, file)
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	require.NoError(h.t, err)
	part := func(name string) string {
		f, err := z.Open(name)
		require.NoError(h.t, err)
		text, err := io.ReadAll(f) // checks the CRC
		require.NoError(h.t, err)
		return string(text)
	}
	for i, m := range sheetName.FindAllStringSubmatch(part("xl/workbook.xml"), -1) {
		names = append(names, m[1])
		all := sheetRow.FindAllString(part(fmt.Sprintf("xl/worksheets/sheet%d.xml", i+1)), -1)
		rows = append(rows, all[1:])
	}
	return names, rows
}

// A workbook has a sheet for each dataset, put together from the pieces of many
// parts.
func TestB1_Workbook(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *export.Config) { c.Source = threeDatasets(t) })
	h.start()
	j, m := h.completed(export.Request{Tenant: "acme", Kind: "snapshot", All: true, Format: "xlsx"})
	require.Len(t, m.Files, 1)
	require.Equal(t, "snapshot.xlsx", m.Files[0].Name)
	require.Equal(t, []string{"runs", "invoices"}, m.Files[0].Datasets)
	require.Equal(t, m.Files[0].Bytes, m.Files[0].RawBytes, "nothing is around the file")
	require.Equal(t, m.Files[0].CRC32, m.Files[0].RawCRC32)
	require.Greater(t, j.Progress.Parts, 8, "runs were cut into parts")
	names, rows := h.sheets(j, 0)
	require.Equal(t, []string{"runs", "invoices"}, names)
	require.Len(t, rows[0], 300)
	require.Len(t, rows[1], 2)
	require.Len(t, sheetRow.FindAllString(strings.Join(rows[0], ""), -1), 300)
}

// D6: the same rows, in one part or in many, are the same sheets.
func TestD6_PartsJoinIntoTheSameSheets(t *testing.T) {
	t.Parallel()
	for _, layout := range []export.Layout{export.Files, export.Document} {
		t.Run(string(layout), func(t *testing.T) {
			t.Parallel()
			var first []string
			for _, size := range []int64{1, 7, 40, 1_000_000} {
				h := newHouse(t, func(c *export.Config) { c.PartRows, c.Parts = size, 4 })
				h.start()
				j, m := h.completed(export.Request{Tenant: "acme", All: true, Format: "xlsx", Layout: layout})
				require.Len(t, m.Files, 1)
				names, rows := h.sheets(j, 0)
				require.Equal(t, []string{"runs"}, names)
				require.Len(t, rows[0], 300)
				if first == nil {
					first = rows[0]
				}
				require.Equal(t, first, rows[0], "parts of %d rows", size)
			}
		})
	}
}

// Bytes do not depend on how many workers there are.
func TestD6_WorkersMakeTheSameWorkbook(t *testing.T) {
	t.Parallel()
	var sums []string
	for _, workers := range []int{1, 4} {
		h := newHouse(t, func(c *export.Config) { c.Workers, c.Source = workers, threeDatasets(t) })
		h.start()
		_, m := h.completed(export.Request{Tenant: "acme", All: true, Format: "xlsx"})
		sums = append(sums, m.Files[0].SHA256)
	}
	require.Equal(t, sums[0], sums[1])
}

// Periods without rows are workbooks with a header.
func TestA7_OneWorkbookPerMonth(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.start()
	from := time.Date(2026, 9, 15, 12, 0, 0, 0, time.UTC)
	j, m := h.completed(export.Request{Tenant: "acme", All: true, Format: "xlsx", Layout: export.Files, Interval: export.Month, From: from})
	require.Len(t, m.Files, 2)
	for i, want := range []int{0, 300} {
		names, rows := h.sheets(j, i)
		require.Equal(t, []string{"runs"}, names)
		require.Len(t, rows[0], want)
	}
}

func TestXLSXRefusals(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *export.Config) {
		rows := october()
		rows[2].Prompt = strings.Repeat("x", xlsxfmt.MaxCell+1)
		c.Source = runsOf(t, rows)
	})
	h.start()
	_, err := h.Request(t.Context(), export.Request{Tenant: "acme", All: true, Format: "xlsx", Compression: export.Gzip})
	require.Equal(t, export.CodeBadCompression, refusal(t, err).Problems[0].Code)

	j := h.export(export.Request{Tenant: "acme", All: true, Format: "xlsx"})
	require.Equal(t, export.Failed, j.State)
	require.Equal(t, export.CodeBadData, j.Error.Code)
	require.Contains(t, j.Error.Message, `dataset "runs", column "prompt": a text has more than the 32767 characters`)
	manifests, err := manifest.Find(t.Context(), h.sink, "")
	require.NoError(t, err)
	require.Empty(t, manifests, "nothing of it counts")
}
