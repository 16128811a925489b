package stored_test

import (
	"cmp"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/exportyard/exportyard/source"
	"github.com/exportyard/exportyard/source/sqlsource/internal/stored"
)

var layouts = []string{
	"2006-01-02", "2006-01-02 15:04", "2006-01-02T15:04Z", "2006-01-02 15:04:05", "2006-01-02T15:04:05Z", "2006-01-02 15:04:05+00:00",
	"2006-01-02T15:04:05.000Z", "2006-01-02 15:04:05.000000", "2006-01-02 15:04:05.000000000 +0000 UTC", "2006-01-02T15:04:05.999999999Z",
	"2006-01-02 15:04:05.999999999 +0000 UTC", "2006-01-02 15:04:05.999999999", "2006-01-02T15:04:05.999999999+00",
}

func TestParse_Layouts(t *testing.T) {
	t.Parallel()
	for _, layout := range append([]string{stored.Native, stored.UnixSeconds, stored.UnixMillis, stored.UnixMicros}, layouts...) {
		f, err := stored.Parse(layout)
		require.NoError(t, err, layout)
		require.Equal(t, layout, f.String())
	}
	for _, layout := range []string{
		"", "unix", "02.01.2006", "2006-1-2", "2006-01-02 15:04:05 MST", "2006-01-02 15:04:05-07:00", "2006-01-02Z", "2006-01-02 15:04:05.",
		"2006-01-02 15:04:05.123", "2006-01-02 15:04:05.0000000000", "2006-01-02_15:04:05", "2006-01-02 15", "Mon Jan 2",
	} {
		_, err := stored.Parse(layout)
		require.Error(t, err, layout)
	}
}

// TestForm_TextsSortAsTimes holds each form to what ranges stand on: texts
// compare as their times do, in the form in which they are compared.
func TestForm_TextsSortAsTimes(t *testing.T) {
	t.Parallel()
	for _, layout := range layouts {
		t.Run(layout, func(t *testing.T) {
			t.Parallel()
			f, err := stored.Parse(layout)
			require.NoError(t, err)
			rapid.Check(t, func(t *rapid.T) {
				micros := rapid.Int64Range(source.MinMicro, source.MaxMicro-stored.DayMicros)
				a := micros.Draw(t, "a")
				b := a + rapid.Int64Range(-2e6, 2e6).Draw(t, "difference")
				b = min(max(b, source.MinMicro), source.MaxMicro-stored.DayMicros)
				textA, textB := f.Encode(source.Timestamp, a).(string), f.Encode(source.Timestamp, b).(string)
				stepped := func(text string) int64 {
					st, ok := stored.ParseStamp(text)
					if !ok {
						t.Fatalf("%q is not read", text)
					}
					return st.Days*stored.DayMicros + st.Micros
				}
				backA, backB := stepped(textA), stepped(textB)
				if backA < a || f.Exact(source.Timestamp, a) != (backA == a) {
					t.Fatalf("%d is written as %q", a, textA)
				}
				if cmp.Compare(textA, textB) != cmp.Compare(backA, backB) {
					t.Fatalf("%q and %q do not sort as their times", textA, textB)
				}
			})
		})
	}
}

// TestForm_SeenInItsTexts writes with Go's own formatting and finds the layout again.
func TestForm_SeenInItsTexts(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 4, 5, 6, 7, 123456789, time.UTC)
	for _, layout := range layouts {
		text := at.Format(layout)
		st, ok := stored.ParseStamp(text)
		require.True(t, ok, text)
		candidates := st.Form.Like()
		var names []string
		for _, f := range candidates {
			names = append(names, f.String())
		}
		want := layout
		if strings.Contains(layout, "999999999") {
			want = strings.ReplaceAll(layout, "9", "0") // all nine digits are there
			require.Contains(t, names, layout)
		}
		require.Equal(t, want, names[0], text)
	}
}

func TestParseStamp(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text string
		want string // RFC 3339, empty when it is no time
	}{
		{"2024-02-29", "2024-02-29T00:00:00Z"},
		{"2026-02-29", ""},
		{"2026-00-10", ""},
		{"2026-13-10", ""},
		{"0000-01-01", ""},
		{"9999-12-31 23:59:59.999999999", "9999-12-31T23:59:59.999999999Z"},
		{"2026-01-01 24:00:00", ""},
		{"2026-01-01 23:60", ""},
		{"2026-01-01 23:59:60", ""},
		{"2026-01-01T23:59", "2026-01-01T23:59:00Z"},
		{"2026-01-01T23:59+01:00", "2026-01-01T22:59:00Z"},
		{"2026-01-01t23:59", ""},
		{"2026-01-01 1:00:00", ""},
		{"2026-01-01 00:00:00.", ""},
		{"2026-01-01 00:00:00.5", "2026-01-01T00:00:00.5Z"},
		{"2026-01-01 00:00:00.1234567890", "2026-01-01T00:00:00.123456789Z"},
		{"2026-01-01 00:00:00.1234567891", ""},
		{"2026-01-01 00:00:00+0530", "2025-12-31T18:30:00Z"},
		{"2026-01-01 00:00:00-08", "2026-01-01T08:00:00Z"},
		{"2026-01-01 00:00:00 -0800 PST", "2026-01-01T08:00:00Z"},
		{"2026-01-01 00:00:00 -0800 PST m=+3.5", "2026-01-01T08:00:00Z"},
		{"2026-01-01 00:00:00 PST", ""},
		{"2026-01-01 00:00:00z", ""},
		{"2026-01-01 00:00:00Z ", ""},
		{"2026-01-01 00:00:00+1", ""},
		{"2026-01-01 00:00:00+01:0", ""},
		{"2026-01-01 00:00:00+24", ""},
		{" 2026-01-01", ""},
		{"20260101", ""},
		{"infinity", ""},
		{"", ""},
	}
	for _, tt := range tests {
		st, ok := stored.ParseStamp(tt.text)
		require.Equal(t, tt.want != "", ok, tt.text)
		if ok {
			at := time.Unix(st.Days*86400-st.Offset, st.Micros*1000+st.Nanos).UTC()
			require.Equal(t, tt.want, at.Format(time.RFC3339Nano), tt.text)
		}
	}
}

// Package time also takes a comma for a point, an hour of one digit, sixty minutes of a zone, and the year 0.
var strict = regexp.MustCompile(`^(?:[1-9]\d{3}|0[1-9]\d\d|00[1-9]\d|000[1-9])-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$`)

// FuzzParseStamp compares with package time.
func FuzzParseStamp(f *testing.F) {
	for _, seed := range []string{"2024-02-29", "2026-01-01 00:00:00.5", "2026-01-01T23:59:59.123456789+05:30", "2026-01-01T00:00:00Z", "0001-01-01T00:00:00-23:59", "0001-01-01T0:00:00Z"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		st, ok := stored.ParseStamp(text)
		want, err := time.Parse(time.RFC3339Nano, text)
		if err == nil && strict.MatchString(text) {
			if !ok {
				t.Fatalf("%q is not read", text)
			}
			if got := time.Unix(st.Days*86400-st.Offset, st.Micros*1000+st.Nanos); !got.Equal(want) {
				t.Fatalf("%q is read as %v", text, got.UTC())
			}
		}
		bytes, okBytes := stored.ParseStamp([]byte(text))
		if ok != okBytes || bytes != st {
			t.Fatalf("%q is read otherwise as bytes", text)
		}
	})
}

func TestUnitOf(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	for want, x := range map[string]int64{stored.UnixSeconds: now.Unix(), stored.UnixMillis: now.UnixMilli(), stored.UnixMicros: now.UnixMicro()} {
		f, ok := stored.UnitOf(x, x+1)
		require.True(t, ok)
		require.Equal(t, want, f.String())
	}
	for _, x := range [][2]int64{{0, 1}, {-now.Unix(), now.Unix()}, {now.Unix(), now.UnixMilli()}, {now.UnixNano(), now.UnixNano()}} {
		_, ok := stored.UnitOf(x[0], x[1])
		require.False(t, ok, x)
	}
}
