package cell

import (
	"strconv"

	"github.com/exportyard/exportyard/source"
)

// Times are serials: days since the last of 1899, with the time of day as a
// fraction. The calendar of spreadsheets has a 29th of February 1900, which was
// none, so that serials mean the same to all programs only from 61 on.
const (
	epochSerial = 25569 // 1970-01-01
	minSerial   = 61    // 1900-03-01
	// microSerial is the first day, 2079-06-05, on which a float64 does not
	// tell microseconds apart any more.
	microSerial = 1 << 16
	dayMicros   = 24 * 60 * 60 * 1_000_000
)

func (col *Column) appendDate(dst []byte, days int64) []byte {
	if days+epochSerial < minSerial {
		dst = append(dst, openGuarded...)
		dst = source.AppendDate(dst, days)
		return append(dst, closeText...)
	}
	dst = append(dst, col.open...)
	dst = strconv.AppendInt(dst, days+epochSerial, 10)
	return append(dst, closeNumber...)
}

func (col *Column) appendTime(dst []byte, micros int64) []byte {
	days, rest := micros/dayMicros, micros%dayMicros
	if rest < 0 {
		days, rest = days-1, rest+dayMicros
	}
	serial := days + epochSerial
	if serial < minSerial || serial >= microSerial && rest%1000 != 0 {
		dst = append(dst, openGuarded...)
		if col.base == source.Timestamp {
			dst = source.AppendTimestamp(dst, micros)
		} else {
			dst = source.AppendDateTime(dst, micros)
		}
		return append(dst, closeText...)
	}
	open := col.open
	if rest%1_000_000 != 0 {
		open = col.openMillis
	}
	dst = append(dst, open...)
	dst = strconv.AppendInt(dst, serial, 10)
	if rest > 0 {
		dst = appendFraction(dst, uint64(rest))
	}
	return append(dst, closeNumber...)
}

// appendFraction appends a time of day as a fraction of 12 digits, without the
// zeros at its end. Its error, a twentieth of a microsecond, and that of the
// float64 it is read as, a third, are less than half a microsecond.
func appendFraction(dst []byte, micros uint64) []byte {
	digits := (micros*625 + 27) / 54 // 10^12 / dayMicros, rounded
	var buf [13]byte
	buf[0] = '.'
	last := 0
	for i := 12; i > 0; i-- {
		buf[i] = byte('0' + digits%10)
		if buf[i] != '0' && last == 0 {
			last = i
		}
		digits /= 10
	}
	return append(dst, buf[:last+1]...)
}
