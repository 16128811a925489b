package source

// AppendDate appends the text of a Date: days since 1970-01-01.
func AppendDate(dst []byte, days int64) []byte {
	y, m, d := civil(days)
	return append(dst,
		'0'+byte(y/1000%10), '0'+byte(y/100%10), '0'+byte(y/10%10), '0'+byte(y%10), '-',
		'0'+byte(m/10), '0'+byte(m%10), '-',
		'0'+byte(d/10), '0'+byte(d%10))
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
	dst = AppendDate(dst, days)
	seconds, frac := rest/1e6, rest%1e6
	h, m, s := seconds/3600, seconds/60%60, seconds%60
	dst = append(dst, 'T', '0'+byte(h/10), '0'+byte(h%10), ':', '0'+byte(m/10), '0'+byte(m%10), ':', '0'+byte(s/10), '0'+byte(s%10))
	if frac != 0 {
		dst = append(dst, '.', '0'+byte(frac/1e5), '0'+byte(frac/1e4%10), '0'+byte(frac/1e3%10),
			'0'+byte(frac/100%10), '0'+byte(frac/10%10), '0'+byte(frac%10))
	}
	return dst
}

// civil turns days since 1970-01-01 into a date of the proleptic Gregorian
// calendar. It counts from 1 March of year 0, so that the leap day comes last
// in its year, in eras of 400 years; it needs no table and does not branch on
// leap years.
func civil(days int64) (y, m, d int64) {
	days += 719468
	era := days / 146097
	if days < 0 {
		era = (days - 146096) / 146097
	}
	doe := days - era*146097
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
