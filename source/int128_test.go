package source_test

import (
	"errors"
	"math"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/exportyard/exportyard/source"
)

// wide returns the value of an Int128.
func wide(x source.Int128) *big.Int {
	b := new(big.Int).Lsh(big.NewInt(x.Hi), 64)
	return b.Add(b, new(big.Int).SetUint64(x.Lo))
}

// anyInt128 draws over all lengths, not only the longest.
func anyInt128() *rapid.Generator[source.Int128] {
	return rapid.Custom(func(t *rapid.T) source.Int128 {
		x := source.Int128{Hi: rapid.Int64().Draw(t, "hi"), Lo: rapid.Uint64().Draw(t, "lo")}
		if rapid.Bool().Draw(t, "short") {
			x.Hi = int64(x.Lo) >> 63
		}
		return x
	})
}

func TestD9_Int128AsBigInt(t *testing.T) {
	t.Parallel()
	least := source.Int128{Hi: math.MinInt64}
	rapid.Check(t, func(t *rapid.T) {
		x, y := anyInt128().Draw(t, "x"), anyInt128().Draw(t, "y")
		require.Equal(t, wide(x).Cmp(wide(y)), x.Cmp(y))
		require.Equal(t, 0, x.Cmp(x))
		require.Equal(t, wide(x).Sign() < 0, x.Negative())
		if x != least {
			require.Equal(t, new(big.Int).Neg(wide(x)).String(), wide(x.Neg()).String())
		}
		precision := rapid.IntRange(1, source.MaxPrecision).Draw(t, "precision")
		digits := len(new(big.Int).Abs(wide(x)).String())
		require.Equal(t, x == source.Int128{} || digits <= precision, x.Fits(precision))
		i := rapid.Int64().Draw(t, "int64")
		require.Equal(t, big.NewInt(i).String(), wide(source.Int128From(i)).String())
	})
	require.False(t, least.Fits(source.MaxPrecision))
}

func TestD9_AppendDecimal(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		x := anyInt128().Draw(t, "x")
		scale := rapid.IntRange(0, source.MaxPrecision).Draw(t, "scale")
		want := new(big.Rat).SetFrac(wide(x), power(scale)).FloatString(scale)
		require.Equal(t, "x"+want, string(source.AppendDecimal([]byte("x"), x, scale)))
	})
}

func power(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }

func TestD9_ParseDecimal(t *testing.T) {
	t.Parallel()
	nines := strings.Repeat("9", 38)
	tests := []struct {
		name             string
		text             string
		precision, scale int
		round            bool
		want             string // the text that comes back
		err              string
	}{
		{"whole", "12", 5, 2, false, "12.00", ""},
		{"plus", "+1.5", 5, 2, false, "1.50", ""},
		{"negative zero", "-0", 5, 2, false, "0.00", ""},
		{"point at the end", "7.", 5, 2, false, "7.00", ""},
		{"point at the start", "-.07", 5, 2, false, "-0.07", ""},
		{"zeros before", "000000000000000000000000000000000000000000001", 1, 0, false, "1", ""},
		{"zeros behind the scale", "1.5000000000000000000000000000000000000000000", 2, 1, false, "1.5", ""},
		{"38 digits", nines, 38, 0, false, nines, ""},
		{"38 digits behind", "-0." + nines, 38, 38, false, "-0." + nines, ""},
		{"39 digits", nines + "0", 38, 0, false, "", "more digits"},
		{"many digits", strings.Repeat("9", 500), 38, 0, false, "", "more digits"},
		{"over the precision", "1000.00", 5, 2, false, "", "more digits"},
		{"over the precision, short", "99999", 4, 0, false, "", "more digits"},
		{"behind the scale", "0.001", 5, 2, false, "", "more digits"},
		{"rounded to even, down", "0.125", 5, 2, true, "0.12", ""},
		{"rounded to even, up", "-0.135", 5, 2, true, "-0.14", ""},
		{"rounded up by what follows", "0.1250000000000000000000000000000000001", 5, 2, true, "0.13", ""},
		{"rounded over a power", "99.995", 5, 2, true, "100.00", ""},
		{"rounded over the precision", "999.995", 5, 2, true, "", "more digits"},
		{"rounded over 38 digits", nines + ".5", 38, 0, true, "", "more digits"},
		{"rounded to zero", "0.005", 5, 2, true, "0.00", ""},
		{"rounded, all behind", "0.0009", 5, 2, true, "0.00", ""},
		{"rounded, just behind", "9e-3", 5, 2, true, "0.01", ""},
		{"exponent", "1.5e2", 5, 1, false, "150.0", ""},
		{"exponent down", "150E-2", 5, 1, false, "1.5", ""},
		{"exponent with a plus", "1e+3", 5, 0, false, "1000", ""},
		{"exponent of zero", "0e99999999999999999999", 5, 2, false, "0.00", ""},
		{"huge exponent", "1e99999999999999999999", 5, 2, false, "", "more digits"},
		{"huge exponent down", "1e-99999999999999999999", 5, 2, true, "0.00", ""},
		{"huge exponent down, exact", "1e-1000000000", 5, 2, false, "", "more digits"},
		{"exponent that undoes zeros", "0." + strings.Repeat("0", 50) + "1e51", 5, 2, false, "1.00", ""},
		{"empty", "", 5, 2, false, "", "not a decimal"},
		{"sign alone", "-", 5, 2, false, "", "not a decimal"},
		{"point alone", ".", 5, 2, false, "", "not a decimal"},
		{"two signs", "--1", 5, 2, false, "", "not a decimal"},
		{"two points", "1.2.3", 5, 2, false, "", "not a decimal"},
		{"exponent alone", "e5", 5, 2, false, "", "not a decimal"},
		{"no exponent", "1e", 5, 2, false, "", "not a decimal"},
		{"two exponents", "1e2e3", 5, 2, false, "", "not a decimal"},
		{"fraction in the exponent", "1e2.5", 5, 2, false, "", "not a decimal"},
		{"space", " 1", 5, 2, false, "", "not a decimal"},
		{"separator", "1,000", 5, 2, false, "", "not a decimal"},
		{"underscore", "1_0", 5, 2, false, "", "not a decimal"},
		{"NaN", "NaN", 5, 2, false, "", "not a decimal"},
		{"infinity", "Infinity", 5, 2, false, "", "not a decimal"},
		{"hexadecimal", "0x10", 5, 2, false, "", "not a decimal"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			x, err := source.ParseDecimal(tt.text, tt.precision, tt.scale, tt.round)
			y, errBytes := source.ParseDecimal([]byte(tt.text), tt.precision, tt.scale, tt.round)
			require.Equal(t, x, y)
			require.Equal(t, err, errBytes)
			if tt.err != "" {
				require.ErrorContains(t, err, tt.err)
				require.Equal(t, tt.err == "more digits", errors.Is(err, source.ErrDigits))
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.want, string(source.AppendDecimal(nil, x, tt.scale)))
		})
	}
}

// checkDecimal compares ParseDecimal with exact arithmetic.
func checkDecimal(t require.TestingT, text string, precision, scale int, round bool) {
	got, err := source.ParseDecimal(text, precision, scale, round)
	exact, ok := new(big.Rat).SetString(text)
	if !ok {
		require.Error(t, err, text)
		return
	}
	exact.Mul(exact, new(big.Rat).SetInt(power(scale)))
	want, inexact := halfEven(exact)
	if inexact && !round || new(big.Int).Abs(want).Cmp(power(precision)) >= 0 {
		require.ErrorIs(t, err, source.ErrDigits, text)
		return
	}
	require.NoError(t, err, text)
	require.Equal(t, want.String(), wide(got).String(), text)
}

// halfEven rounds to the nearest integer, to the even one of two.
func halfEven(x *big.Rat) (rounded *big.Int, inexact bool) {
	floor, rest := new(big.Int).DivMod(x.Num(), x.Denom(), new(big.Int))
	switch twice := rest.Lsh(rest, 1); twice.Cmp(x.Denom()) {
	case 1:
		floor.Add(floor, big.NewInt(1))
	case 0:
		floor.Add(floor, big.NewInt(int64(floor.Bit(0))))
	}
	return floor, !x.IsInt()
}

func TestD9_ParseDecimalAsBigRat(t *testing.T) {
	t.Parallel()
	number := rapid.StringMatching(`[+-]?([0-9]{1,40}(\.[0-9]{0,40})?|\.[0-9]{1,40})([eE][+-]?[0-9]{1,2})?`)
	rapid.Check(t, func(t *rapid.T) {
		precision := rapid.IntRange(1, source.MaxPrecision).Draw(t, "precision")
		scale := rapid.IntRange(0, precision).Draw(t, "scale")
		checkDecimal(t, number.Draw(t, "number"), precision, scale, rapid.Bool().Draw(t, "round"))
	})
}

func FuzzParseDecimal(f *testing.F) {
	for _, text := range []string{"0", "-12.50", "1e3", "9.995", "0.0000000000000000000000000000000000005", "1e-5", ".", "1e", "99999999999999999999999999999999999999"} {
		f.Add(text, uint8(10), uint8(2), true)
		f.Add(text, uint8(38), uint8(10), false)
	}
	f.Fuzz(func(t *testing.T, text string, precision, scale uint8, round bool) {
		p := 1 + int(precision)%source.MaxPrecision
		s := int(scale) % (p + 1)
		_, err := source.ParseDecimal(text, p, s, round)
		// big.Rat reads more forms than numbers have, and takes its time for large exponents.
		if len(text) > 100 || strings.ContainsAny(text, "/xXbBoOpP_iInNaA") || largeExponent(text) {
			return
		}
		if strings.Trim(text, "+-.0123456789eE") != "" {
			require.Error(t, err)
			return
		}
		checkDecimal(t, text, p, s, round)
	})
}

func largeExponent(text string) bool {
	_, exponent, _ := strings.Cut(strings.ToLower(text), "e")
	return len(exponent) > 4
}

// A hostile number costs no more than its length.
func TestParseDecimalIsLinear(t *testing.T) {
	t.Parallel()
	start := time.Now()
	for _, text := range []string{"1e999999999", "1e-999999999", "0e999999999", strings.Repeat("0", 1<<20) + "1", "0." + strings.Repeat("9", 1<<20)} {
		for range 3 {
			_, _ = source.ParseDecimal(text, 38, 10, true)
		}
	}
	require.Less(t, time.Since(start), 5*time.Second)
}

func TestParseDecimalAllocatesNothing(t *testing.T) {
	short, long := []byte("-1234567.89"), []byte("1234567890123456789012345.1234567890")
	require.Zero(t, testing.AllocsPerRun(100, func() {
		if _, err := source.ParseDecimal(short, 12, 4, false); err != nil {
			t.Error(err)
		}
		if _, err := source.ParseDecimal(long, 38, 10, false); err != nil {
			t.Error(err)
		}
	}))
}

func BenchmarkParseDecimal(b *testing.B) {
	for name, text := range map[string]string{"short": "-12345.67", "long": "1234567890123456789012345.12"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := source.ParseDecimal(text, 38, 4, false); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
