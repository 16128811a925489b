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
	at := time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
	var buf, want []byte
	for day := source.Day(at); at.Year() < 10000; day, at = day+1, at.AddDate(0, 0, 1) {
		buf, want = source.AppendDate(buf[:0], day), at.AppendFormat(want[:0], time.DateOnly)
		if string(buf) != string(want) {
			t.Fatalf("day %d is %s, want %s", day, buf, want)
		}
	}
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
