package stored

import "time"

// A Stamp is a date, or a date and a time, as a text says it.
type Stamp struct {
	Days   int64 // since 1970-01-01
	Micros int64 // since midnight
	Nanos  int64 // what is left below a microsecond, 0 to 999
	Form   Form  // how the text is written; its suffix is the zone
	Offset int64 // seconds east of UTC
}

// ParseStamp reads yyyy-mm-dd, then nothing or T or a space and hh:mm, hh:mm:ss
// or hh:mm:ss.f with up to nine digits, then nothing or a zone: Z, +hh, +hhmm,
// +hh:mm, or what Go's time.Time.String writes. Digits of a fraction beyond the
// ninth must be zeros.
func ParseStamp[T string | []byte](s T) (Stamp, bool) {
	if len(s) < 10 || s[4] != '-' || s[7] != '-' {
		return Stamp{}, false
	}
	y, okY := number(s[0:4])
	m, okM := number(s[5:7])
	d, okD := number(s[8:10])
	if !okY || !okM || !okD || y < 1 || m < 1 || m > 12 || d < 1 {
		return Stamp{}, false
	}
	t := time.Date(int(y), time.Month(m), int(d), 0, 0, 0, 0, time.UTC)
	if int64(t.Day()) != d {
		return Stamp{}, false
	}
	st := Stamp{Days: t.Unix() / (24 * 60 * 60), Form: Form{Base: 10}}
	if len(s) == 10 {
		return st, true
	}
	rest, ok := clockOf(&st, s)
	if !ok {
		return Stamp{}, false
	}
	if st.Offset, ok = zoneOf(rest); !ok {
		return Stamp{}, false
	}
	st.Form.Suffix = string(rest)
	return st, true
}

// clockOf reads the time of day behind the date and returns what follows.
func clockOf[T string | []byte](st *Stamp, s T) (rest T, ok bool) {
	if len(s) < 16 || s[10] != 'T' && s[10] != ' ' || s[13] != ':' {
		return s, false
	}
	h, okH := number(s[11:13])
	m, okM := number(s[14:16])
	if !okH || !okM || h > 23 || m > 59 {
		return s, false
	}
	st.Form.sep, st.Form.Base = s[10], 16
	st.Micros = (h*60 + m) * 60 * 1e6
	rest = s[16:]
	if len(rest) < 3 || rest[0] != ':' {
		return rest, true
	}
	sec, okS := number(rest[1:3])
	if !okS || sec > 59 {
		return s, false
	}
	st.Form.Base = 19
	st.Micros += sec * 1e6
	rest = rest[3:]
	if len(rest) == 0 || rest[0] != '.' {
		return rest, true
	}
	n, unit := 1, int64(1e8)
	var nanos int64
	for ; n < len(rest) && digit(rest[n]); n++ {
		if unit == 0 && rest[n] != '0' {
			return s, false
		}
		nanos += int64(rest[n]-'0') * unit
		unit /= 10
	}
	if n == 1 {
		return s, false
	}
	st.Form.Digits = n - 1
	st.Micros, st.Nanos = st.Micros+nanos/1000, nanos%1000
	return rest[n:], true
}

// zoneOf reads a zone's offset in seconds.
func zoneOf[T string | []byte](s T) (offset int64, ok bool) {
	if len(s) == 0 || len(s) == 1 && s[0] == 'Z' {
		return 0, true
	}
	named := s[0] == ' '
	if named {
		s = s[1:]
	}
	if len(s) < 3 || s[0] != '+' && s[0] != '-' {
		return 0, false
	}
	h, okH := number(s[1:3])
	rest, m, okM := s[3:], int64(0), true
	if len(rest) > 0 && rest[0] == ':' {
		rest = rest[1:]
	}
	if len(rest) >= 2 && digit(rest[0]) {
		m, okM = number(rest[:2])
		rest = rest[2:]
	}
	// Only Go's form has more: the name of the zone, and perhaps a clock reading.
	if !okH || !okM || h > 23 || m > 59 || len(rest) > 0 && !(named && rest[0] == ' ') {
		return 0, false
	}
	offset = h*3600 + m*60
	if s[0] == '-' {
		offset = -offset
	}
	return offset, true
}

func number[T string | []byte](s T) (x int64, ok bool) {
	for i := range len(s) {
		if !digit(s[i]) {
			return 0, false
		}
		x = x*10 + int64(s[i]-'0')
	}
	return x, true
}

func digit(c byte) bool { return c >= '0' && c <= '9' }
