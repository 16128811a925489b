package txn

import (
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestEscape(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, s, want string }{
		{"what most are", "acme", "acme"},
		{"nothing", "", ""},
		{"a zero byte", "a\x00b", "a␛00b"},
		{"no UTF-8", "a\xff", "a␛ff"},
		{"half a rune", "\xe2\x90", "␛e2␛90"},
		{"the mark itself", "␛", "␛␛"},
		{"what looks escaped", "␛00", "␛␛00"},
		{"a real replacement character", "\ufffd", "\ufffd"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := tt.s
			if !plain(tt.s) {
				got = escape(tt.s)
			}
			require.Equal(t, tt.want, got)
			back, err := unescape(got)
			require.NoError(t, err)
			require.Equal(t, tt.s, back)
		})
	}
	for _, bad := range []string{"␛", "a␛0", "␛+1", "␛zz"} {
		_, err := unescape(bad)
		require.Error(t, err, bad)
	}
}

func FuzzEscape(f *testing.F) {
	for _, s := range []string{"", "acme", "\x00", "\xff\xfe", "␛", "␛␛00", "a␛\x00\xe2\x90"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		text := escape(s)
		require.True(t, utf8.ValidString(text))
		require.NotContains(t, text, "\x00")
		require.True(t, !plain(s) || text == s)
		back, err := unescape(text)
		require.NoError(t, err)
		require.Equal(t, s, back)
	})
}
