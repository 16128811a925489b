package source

// The longest texts of the kinds of time.
const (
	lenDate     = len("2006-01-02")
	lenDateTime = len("2006-01-02T15:04:05")
	lenMicros   = len(".000000")
)

// AppendDate appends the text of a Date: days since 1970-01-01.
func AppendDate(dst []byte, days int64) []byte {
	dst = extend(dst, lenDate)
	putDate((*[lenDate]byte)(dst[len(dst)-lenDate:]), days)
	return dst
}

// AppendTimestamp appends the text of a Timestamp: microseconds since 1970-01-01T00:00:00Z.
func AppendTimestamp(dst []byte, micros int64) []byte {
	return append(AppendDateTime(dst, micros), 'Z')
}

// AppendDateTime appends the text of a DateTime.
func AppendDateTime(dst []byte, micros int64) []byte {
	days, rest := micros/dayMicro, micros%dayMicro
	if rest < 0 {
		days, rest = days-1, rest+dayMicro
	}
	dst = extend(dst, lenDateTime+lenMicros)
	end := len(dst)
	buf := (*[lenDateTime + lenMicros]byte)(dst[end-lenDateTime-lenMicros:])
	putDate((*[lenDate]byte)(buf[:]), days)
	seconds, frac := uint32(rest/1e6), uint32(rest%1e6)
	h, m, s := seconds/3600, seconds/60%60, seconds%60
	buf[10], buf[13], buf[16] = 'T', ':', ':'
	put2((*[2]byte)(buf[11:]), h)
	put2((*[2]byte)(buf[14:]), m)
	put2((*[2]byte)(buf[17:]), s)
	if frac == 0 {
		return dst[:end-lenMicros]
	}
	buf[19] = '.'
	put2((*[2]byte)(buf[20:]), frac/1e4)
	put2((*[2]byte)(buf[22:]), frac/100%100)
	put2((*[2]byte)(buf[24:]), frac%100)
	return dst
}

func putDate(buf *[lenDate]byte, days int64) {
	y, m, d := civil(days)
	put2((*[2]byte)(buf[0:]), y/100)
	put2((*[2]byte)(buf[2:]), y%100)
	put2((*[2]byte)(buf[5:]), m)
	put2((*[2]byte)(buf[8:]), d)
	buf[4], buf[7] = '-', '-'
}

// pairs holds the numbers from 00 to 99.
var pairs = func() (table [100][2]byte) {
	for i := range table {
		table[i] = [2]byte{'0' + byte(i/10), '0' + byte(i%10)}
	}
	return table
}()

// put2 writes a number below 100; others, which no valid cell has, as 99.
func put2(buf *[2]byte, x uint32) { *buf = pairs[min(x, 99)] }

// civil turns days since 1970-01-01, within the years 1 to 9999, into a date of
// the proleptic Gregorian calendar. It counts from 1 March of year 0, so that
// the leap day comes last in its year, in eras of 400 years; it needs no table
// and does not branch on leap years.
func civil(days int64) (y, m, d uint32) {
	day := uint32(days + 719468)
	era := day / 146097
	doe := day - era*146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	d = doy - (153*mp+2)/5 + 1
	m = mp + 3
	if m > 12 {
		m -= 12
	}
	y = yoe + era*400
	if m <= 2 {
		y++
	}
	return y, m, d
}
