package source_test

import (
	"encoding/hex"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/exportyard/exportyard/source"
)

func TestD9_TimesAsTimeFormatsThem(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		micros := rapid.Int64Range(source.MinMicro, source.MaxMicro).Draw(t, "micros")
		if rapid.Bool().Draw(t, "whole seconds") {
			micros -= micros % 1e6
		}
		at := time.UnixMicro(micros).UTC()
		layout := "2006-01-02T15:04:05.000000"
		if micros%1e6 == 0 {
			layout = "2006-01-02T15:04:05"
		}
		require.Equal(t, at.Format("x"+layout), string(source.AppendDateTime([]byte("x"), micros)))
		require.Equal(t, at.Format("x"+layout+"Z"), string(source.AppendTimestamp([]byte("x"), micros)))
		require.Equal(t, at.Format("x2006-01-02"), string(source.AppendDate([]byte("x"), source.Day(at))))
	})
}

func TestD9_EveryDay(t *testing.T) {
	t.Parallel()
	var buf []byte
	days := 0
	for month := time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC); month.Year() < 10000; month = month.AddDate(0, 1, 0) {
		want := []byte(month.Format(time.DateOnly))
		last := source.Day(month.AddDate(0, 1, -1))
		for day := source.Day(month); day <= last; day++ {
			buf = source.AppendDate(buf[:0], day)
			if string(buf) != string(want) {
				t.Fatalf("day %d is %s, want %s", day, buf, want)
			}
			if want[9]++; want[9] > '9' {
				want[8], want[9] = want[8]+1, '0'
			}
			days++
		}
	}
	require.Equal(t, 3_652_059, days)
}

func TestD9_UUIDAsHex(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		u := [16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "uuid"))
		digits := hex.EncodeToString(u[:])
		want := digits[:8] + "-" + digits[8:12] + "-" + digits[12:16] + "-" + digits[16:20] + "-" + digits[20:]
		require.Equal(t, "x"+want, string(source.AppendUUID([]byte("x"), u)))
	})
}

func TestD9_DecimalAsBigInt(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		x := source.Int128{Hi: rapid.Int64().Draw(t, "hi"), Lo: rapid.Uint64().Draw(t, "lo")}
		whole := new(big.Int).Lsh(big.NewInt(x.Hi), 64)
		whole.Add(whole, new(big.Int).SetUint64(x.Lo))
		require.Equal(t, whole.String(), string(source.AppendDecimal(nil, x, 0)))
	})
}
