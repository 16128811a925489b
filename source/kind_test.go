package source_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/source"
)

// Every decimal that can be is a kind of its own and survives its name; every
// other pair of numbers is none.
func TestDecimalKinds(t *testing.T) {
	t.Parallel()
	seen := make(map[source.Kind]bool)
	for p := -1; p <= 40; p++ {
		for s := -1; s <= 40; s++ {
			k := source.Decimal(p, s)
			if p < 1 || p > 38 || s < 0 || s > p {
				require.False(t, k.Valid(), "decimal(%d,%d)", p, s)
				continue
			}
			require.True(t, k.Valid())
			require.False(t, seen[k])
			seen[k] = true
			require.Equal(t, []int{p, s}, []int{k.Precision(), k.Scale()})
			require.Equal(t, source.AnyDecimal, k.Base())
			back, err := source.ParseKind(k.String())
			require.NoError(t, err)
			require.Equal(t, k, back)
		}
	}
	require.False(t, source.AnyDecimal.Valid())
}

func TestKindText(t *testing.T) {
	t.Parallel()
	for _, k := range kinds {
		text, err := json.Marshal(k)
		require.NoError(t, err)
		var back source.Kind
		require.NoError(t, json.Unmarshal(text, &back))
		require.Equal(t, k, back)
		require.Equal(t, k == source.Date || k == source.Timestamp || k == source.DateTime, k.Temporal())
		require.Equal(t, k == source.String || k == source.Bytes || k == source.JSON, k.Variable())
	}
	for _, k := range []source.Kind{0, source.AnyDecimal, source.JSON + 1, source.Int64 | 1<<8, 1 << 24} {
		require.False(t, k.Valid(), k)
		_, err := k.MarshalText()
		require.Error(t, err)
		require.Contains(t, k.String(), "kind(")
	}
	for _, name := range []string{"", "decimal", "decimal()", "decimal(3)", "decimal(39,0)", "decimal(3,4)", "decimal(3,2", "decimal(+3,2)", "decimal(3,02)", "Int64", "integer"} {
		_, err := source.ParseKind(name)
		require.Error(t, err, name)
	}
}

func TestSchema(t *testing.T) {
	t.Parallel()
	s := source.Schema{{Name: "a", Kind: source.Int64}, {Name: "b", Kind: source.String}, {Name: "c", Kind: source.JSON}}
	require.NoError(t, s.Validate())
	require.Equal(t, 1, s.Index("b"))
	require.Equal(t, -1, s.Index("B"))
	got, err := s.Select([]string{"c", "a"})
	require.NoError(t, err)
	require.Equal(t, []string{"c", "a"}, got.Names())
	_, err = s.Select([]string{"a", "x"})
	require.ErrorContains(t, err, `"x"`)

	require.ErrorContains(t, source.Schema{}.Validate(), "at least one field")
	bad := source.Schema{{Kind: source.Int64}, {Name: "\xff", Kind: source.Int64}, {Name: "x"}, {Name: "x", Kind: source.Bool}}
	err = bad.Validate()
	for _, part := range []string{"field 1 has no name", "not UTF-8", `"x" has no valid kind`, `"x" is declared twice`} {
		require.ErrorContains(t, err, part)
	}
}
