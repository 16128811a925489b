package guard_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/internal/guard"
)

var jsonTexts = []string{
	"", " ", "null", " true ", "false", "nul", "truee", `"a"`, `"a`, `"\u00e9\n\/\"\\"`, `"\u00g0"`, `"\u00"`, `"\x"`, `"\`, "\"\t\"", "\"\x7f\xff\"",
	"0", "-0", "01", "-", "1.", ".5", "1.5e10", "1e", "1e+", "1E-2", "1e5.5", "+1", "0x1", "1 2", "12345678901234567890.1234567890",
	"[]", "[ ]", "[1]", "[1,]", "[,1]", "[1 2]", "[1,2", "{}", "{ }", `{"a":1}`, `{"a" : 1 , "b":[{}]}`, `{"a":1,}`, `{"a"}`, `{a:1}`, `{"a":}`, `{1:1}`, "}", "]", "{]",
	"\ufeffnull", "null\x00", "[null\r\n,\ttrue]", strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000), strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001),
	strings.Repeat(`{"a":`, 9_999) + "1" + strings.Repeat("}", 9_999),
}

func TestR16_JSONAsEncodingJSONHasIt(t *testing.T) {
	t.Parallel()
	for _, text := range jsonTexts {
		require.Equal(t, json.Valid([]byte(text)), guard.ValidJSON([]byte(text)), "%.40q", text)
	}
}

func FuzzValidJSON(f *testing.F) {
	for _, text := range jsonTexts {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		require.Equal(t, json.Valid(text), guard.ValidJSON(text), "%q", text)
	})
}

func BenchmarkValidJSON(b *testing.B) {
	text := []byte(`{"tags": ["c4ca4238a0b923820dcc509a6f75849b", "\u00e9"], "steps": 12.5, "ok": true}`)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if !guard.ValidJSON(text) {
			b.Fatal("it is valid")
		}
	}
}
