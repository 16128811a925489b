package place_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/internal/place"
)

func TestCheckTemplate(t *testing.T) {
	t.Parallel()
	for template, want := range map[string]string{
		"": "", "{tenant}/{job}": "", "a/{year}/{month}/{day}/{dataset}/{job}": "",
		"{tenant}": "{job} is missing", "{job}/{hour}": "{hour} is not one of", "../{job}": "..",
	} {
		err := place.CheckTemplate(template)
		require.Equal(t, want == "", err == nil, template)
		if want != "" {
			require.ErrorContains(t, err, want)
		}
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	created := time.Date(2026, 10, 3, 23, 0, 0, 0, time.FixedZone("", -2*3600))
	require.Equal(t, "acme/2026/10/04/j1/runs", place.Folder("{tenant}/{year}/{month}/{day}/{job}/{dataset}", "acme", "j1", "runs", created))
	require.Equal(t, "runs.csv", place.FileName("runs", "", "csv", 0))
	require.Equal(t, "runs_2026-10-0002.csv.gz", place.FileName("runs", "2026-10", "csv.gz", 2))
	require.Equal(t, "f/runs.3.7.csv", place.Key("f/runs", 3, 7, "csv"))
}

func TestNames_Take(t *testing.T) {
	t.Parallel()
	taken := make(place.Names)
	var got []string
	for _, name := range []string{"a.csv.gz", "A.csv.gz", "a-2.csv.gz", "b", "a.csv.gz"} {
		got = append(got, taken.Take(name))
	}
	require.Equal(t, []string{"a.csv.gz", "A-2.csv.gz", "a-2-2.csv.gz", "b", "a-3.csv.gz"}, got)
}

func TestManifest(t *testing.T) {
	t.Parallel()
	require.Equal(t, "acme/j1/manifest.7.json", place.Manifest("acme/j1", 7))
	for key, want := range map[string]bool{
		"a/manifest.7.json": true, "manifest.12.json": true, "a/manifest.json": false, "manifest.x.json": false,
		"manifest.7.json.sig": false, "manifest.7.json/x": false,
	} {
		require.Equal(t, want, place.IsManifest(key), key)
	}
}

// Files lie relative to their manifest where they lay, also when the folder was
// moved or opened as a root.
func TestMoved(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, written, found, key, want string }{
		{name: "not moved", written: "a/b/m", found: "a/b/m", key: "a/b/f", want: "a/b/f"},
		{name: "opened as a root", written: "a/b/m", found: "m", key: "a/b/f", want: "f"},
		{name: "moved below", written: "a/b/m", found: "x/y/b/m", key: "a/b/f", want: "x/y/b/f"},
		{name: "another name", written: "a/m", found: "a/n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			moved, ok := place.Moved(tt.written, tt.found)
			require.Equal(t, tt.want != "", ok)
			if ok {
				require.Equal(t, tt.want, moved(tt.key))
			}
		})
	}
}
