package sink_test

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/exportyard/exportyard/sink"
)

func TestR35_ValidKey(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		key  string
		want string // in the error; empty for a valid key
	}{
		{"one segment", "orders.csv", ""},
		{"several", "acme/2024/02/orders.3.1.csv.gz", ""},
		{"Hive style", "tenant=acme/date=2024-02-29/part-0.parquet", ""},
		{"letters of the world", "Größe/日本語/Ελλάδα/🙂.csv", ""},
		{"space and punctuation inside", "a b/(c) 'd' [e] {f} #g %h &i ;j, k!", ""},
		{"marks", "~/-/_/=/+/@/$", ""},
		{"dots inside", "a..b/c.d", ""},
		{"longest segment", strings.Repeat("x", 200), ""},
		{"longest key", strings.Repeat("x/", 512-1) + "xx", ""},
		{"nearly reserved", "console/nul0/com10/com/lpt/xcon/a.nul", ""},

		{"empty", "", "empty segment"},
		{"absolute", "/a", "empty segment"},
		{"folder", "a/", "empty segment"},
		{"nothing between", "a//b", "empty segment"},
		{"here", "./a", "dot"},
		{"above", "a/../b", "dot"},
		{"hidden", ".a", "dot"},
		{"ends in a dot", "a./b", "dot or space"},
		{"ends in a space", "a/b ", "dot or space"},
		{"backslash", `a\b`, "refuses"},
		{"drive", "C:/a", "refuses"},
		{"stream", "a:b", "refuses"},
		{"wildcards", "a*b?", "refuses"},
		{"quotes", `a"b`, "refuses"},
		{"pipe", "a<b>|c", "refuses"},
		{"NUL", "a\x00b", "refuses"},
		{"line feed", "a\nb", "refuses"},
		{"delete", "a\x7fb", "refuses"},
		{"C1 control", "a\u0085b", "refuses"},
		{"right to left", "a\u202egpj.exe", "refuses"},
		{"Arabic mark", "a\u061cb", "refuses"},
		{"byte order mark", "\ufeffa", "refuses"},
		{"not a character", "a\uffff", "refuses"},
		{"not UTF-8", "a\xff", "UTF-8"},
		{"half a surrogate", "a\xed\xa0\x80", "UTF-8"},
		{"device", "a/NUL", "Windows"},
		{"device in lower case", "con", "Windows"},
		{"device with an extension", "aux.csv", "Windows"},
		{"device with a space", "prn .csv", "Windows"},
		{"port", "COM1.2024.csv", "Windows"},
		{"port zero", "lpt0", "Windows"},
		{"port in superscript", "com¹", "Windows"},
		{"console", "conin$", "Windows"},
		{"segment too long", strings.Repeat("x", 201), "200 bytes"},
		{"key too long", strings.Repeat("x/", 512) + "x", "1025 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := sink.ValidKey(tt.key)
			if tt.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, sink.ErrKey)
			require.ErrorContains(t, err, tt.want)
			require.Less(t, len(err.Error()), 4000)
		})
	}
}

// names are what the fuzz tests start from.
var names = []string{
	"", "a", "orders.csv", "a/b", "/a", "a/", "a//b", "..", "../../etc/passwd", ".hidden", `..\..\x`, "C:\\x", "a:b",
	"CON", "con.txt", "nul ", "COM1", "com¹.x", "LPT9.csv", "a.", "a ", "  ", "...", "a\x00b", "a\nb", "a\xffb", "\u202ex",
	"Größe", "Gro\u0308ße", "日本語", "🙂", "~", "a~b", "x~0123456789abcdef0123456789abcdef", "Acme", "acme", "ACME",
	strings.Repeat("x", 100), strings.Repeat("x", 101), strings.Repeat("x", 256), strings.Repeat("ä", 60), strings.Repeat("a/", 600),
}

// FuzzR35_ValidKey holds every key that is accepted against rules that are
// written another way.
func FuzzR35_ValidKey(f *testing.F) {
	for _, name := range names {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, key string) {
		if err := sink.ValidKey(key); err != nil {
			if !errors.Is(err, sink.ErrKey) {
				t.Fatalf("%q: %v is no ErrKey", key, err)
			}
			return
		}
		if why := unsafe(key); why != "" {
			t.Fatalf("%q is accepted: %s", key, why)
		}
	})
}

// unsafe says why key cannot be the path of a file everywhere.
func unsafe(key string) string {
	if !fs.ValidPath(key) || path.Clean("/x/"+key) != "/x/"+key || path.IsAbs(key) {
		return "no path below a folder"
	}
	if len(key) > 1024 || !utf8.ValidString(key) {
		return "no key of S3"
	}
	for _, r := range key {
		if unicode.IsControl(r) || strings.ContainsRune("\\:*?\"<>|\uFFFE\uFFFF", r) || unicode.Is(unicode.Bidi_Control, r) {
			return "a bad character"
		}
	}
	for _, name := range strings.Split(key, "/") {
		// A temporary file's name is longer by 39 bytes.
		if len(name)+39 > 255 || len(name) == 0 || strings.Trim(name[:1], ".") == "" || strings.TrimRight(name, ". ") != name {
			return "a bad name"
		}
		stem, _, _ := strings.Cut(strings.ToLower(name), ".")
		if slices.Contains(devices, strings.TrimRight(stem, " ")) {
			return "a device of Windows"
		}
	}
	return ""
}

var devices = func() []string {
	all := []string{"con", "prn", "aux", "nul", "conin$", "conout$"}
	for _, n := range []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "¹", "²", "³"} {
		all = append(all, "com"+n, "lpt"+n)
	}
	return all
}()

func FuzzR35_CleanSegment(f *testing.F) {
	for i, name := range names {
		f.Add(name, names[len(names)-1-i])
	}
	f.Add("Acme", "acme~")
	f.Fuzz(func(t *testing.T, a, b string) {
		if why := badPair(a, b); why != "" {
			t.Fatal(why)
		}
	})
}

// TestR35_NoCollision draws pairs of names from few characters, so that they
// are often alike.
func TestR35_NoCollision(t *testing.T) {
	t.Parallel()
	name := rapid.Custom(func(t *rapid.T) string {
		text := strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "A", "-", "/", "~", ".", " ", "ä", "a\u0308", "\xff", "con", "…"}), 0, 4).Draw(t, "text"), "")
		return strings.Repeat(text, rapid.SampledFrom([]int{1, 1, 1, 30}).Draw(t, "times"))
	})
	rapid.Check(t, func(t *rapid.T) {
		if why := badPair(name.Draw(t, "a"), name.Draw(t, "b")); why != "" {
			t.Fatal(why)
		}
	})
}

// badPair says what is wrong with the segments that two names clean to.
func badPair(a, b string) string {
	cleanA, cleanB := sink.CleanSegment(a), sink.CleanSegment(b)
	for _, clean := range []string{cleanA, cleanB} {
		switch why := unsafe(clean); {
		case why != "":
			return clean + ": " + why
		case sink.ValidKey(clean) != nil || strings.Contains(clean, "/"):
			return clean + " is no segment"
		case len(clean) > 100:
			return clean + " is over 100 bytes"
		}
	}
	if again := sink.CleanSegment(a); again != cleanA {
		return cleanA + " and " + again + " come from one name"
	}
	if a == b {
		return ""
	}
	if cleanA == cleanB {
		return "two names are both " + cleanA
	}
	if kept := cleanA == a && cleanB == b; !kept && strings.EqualFold(cleanA, cleanB) {
		return cleanA + " and " + cleanB + " are one on a file system without case"
	}
	return ""
}

func TestR35_CleanSegmentKeepsGoodNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"acme", "Acme Ltd", "orders_2024-02.csv", "Größe", "日本語", strings.Repeat("x", 100)} {
		require.Equal(t, name, sink.CleanSegment(name))
	}
	require.Equal(t, "a-b~c14cddc033f64b9dea80ea675cf280a0", sink.CleanSegment("a/b"), "names that are stored must not change")
}

// cleaner is a sink of which only the cleaning matters.
type cleaner struct{ sink.Sink }

func (cleaner) Clean(_ context.Context, prefix string, _ time.Time) (int, error) {
	return len(prefix), nil
}

func TestClean(t *testing.T) {
	t.Parallel()
	n, err := sink.Clean(t.Context(), cleaner{}, "abc", time.Now())
	require.NoError(t, err)
	require.Equal(t, 3, n)
	n, err = sink.Clean(t.Context(), struct{ sink.Sink }{}, "abc", time.Now())
	require.NoError(t, err)
	require.Zero(t, n)
}
