package source

import (
	"errors"
	"math/bits"
	"strconv"
)

// Int128 is a two's complement 128-bit integer, enough for 38 decimal digits.
type Int128 struct {
	Hi int64
	Lo uint64
}

// ErrDigits is wrapped by errors about a number with more digits than its
// kind holds. A reader reports it as a [DataError]; it is never retried.
var ErrDigits = errors.New("more digits than the kind holds")

// errSyntax is not exported: nobody branches on it.
var errSyntax = errors.New("not a decimal number")

// Int128From returns x.
func Int128From(x int64) Int128 { return Int128{Hi: x >> 63, Lo: uint64(x)} }

// Negative reports whether x < 0.
func (x Int128) Negative() bool { return x.Hi < 0 }

// Neg returns -x.
func (x Int128) Neg() Int128 {
	lo, borrow := bits.Sub64(0, x.Lo, 0)
	hi, _ := bits.Sub64(0, uint64(x.Hi), borrow)
	return Int128{Hi: int64(hi), Lo: lo}
}

// Cmp returns -1, 0 or 1 as x is less than, equal to or greater than y.
func (x Int128) Cmp(y Int128) int {
	switch {
	case x == y:
		return 0
	case x.Hi < y.Hi, x.Hi == y.Hi && x.Lo < y.Lo:
		return -1
	default:
		return 1
	}
}

// magnitude returns |x| as two unsigned words.
func (x Int128) magnitude() (hi, lo uint64) {
	if x.Negative() {
		x = x.Neg()
	}
	return uint64(x.Hi), x.Lo
}

// Fits reports whether |x| has at most precision digits (1 to 38).
func (x Int128) Fits(precision int) bool {
	hi, lo := x.magnitude()
	limit := pow10[precision]
	return hi < uint64(limit.Hi) || hi == uint64(limit.Hi) && lo < limit.Lo
}

// maxShortScale is the greatest power of ten below 2^64.
const maxShortScale = 19

// pow10[i] is 10^i.
var pow10 = func() (p [MaxPrecision + 1]Int128) {
	p[0] = Int128{Lo: 1}
	for i := 1; i <= MaxPrecision; i++ {
		p[i], _ = mulAdd(p[i-1], 0)
	}
	return p
}()

// mulAdd returns x*10 + digit for a non-negative x, and whether it still fits.
func mulAdd(x Int128, digit byte) (Int128, bool) {
	hi, lo := bits.Mul64(x.Lo, 10)
	over, top := bits.Mul64(uint64(x.Hi), 10)
	hi, carry := bits.Add64(hi, top, 0)
	lo, c := bits.Add64(lo, uint64(digit), 0)
	hi, carry2 := bits.Add64(hi, 0, c)
	return Int128{Hi: int64(hi), Lo: lo}, over == 0 && carry == 0 && carry2 == 0 && int64(hi) >= 0
}

// ParseDecimal reads a decimal number ("-12.50", "1e3") as the integer that it
// is times 10^scale. More digits than precision, or digits behind the scale
// other than zero, give an error that wraps [ErrDigits]; with round, digits
// behind the scale are rounded half to even instead. It allocates nothing but
// an exponent's text given as bytes.
func ParseDecimal[T string | []byte](text T, precision, scale int, round bool) (Int128, error) {
	i, negative := 0, false
	if len(text) > 0 && (text[0] == '-' || text[0] == '+') {
		negative = text[0] == '-'
		i++
	}
	if x, ok := parseShort(text[i:], scale); ok {
		if !x.Fits(precision) {
			return Int128{}, ErrDigits
		}
		if negative {
			x = x.Neg()
		}
		return x, nil
	}
	// First find the exponent, then walk the digits once.
	end, exp := len(text), 0
	for j := i; j < len(text); j++ {
		if text[j] == 'e' || text[j] == 'E' {
			var ok bool
			if exp, ok = parseExponent(string(text[j+1:])); !ok {
				return Int128{}, errSyntax
			}
			end = j
			break
		}
	}
	return parseDigits(text[i:end], exp, negative, precision, scale, round)
}

// shortDigits is how many digits always fit 63 bits.
const shortDigits = 18

// parseShort reads the common case: few digits, none of them behind the scale,
// no exponent. ok is false for everything else, right or wrong.
func parseShort[T string | []byte](text T, scale int) (x Int128, ok bool) {
	if len(text) > shortDigits+1 {
		return x, false
	}
	var u uint64
	point := -1
	for j := range len(text) {
		switch c := text[j]; {
		case c >= '0' && c <= '9':
			u = u*10 + uint64(c-'0')
		case c == '.' && point < 0:
			point = j
		default:
			return x, false
		}
	}
	digits, behind := len(text), 0
	if point >= 0 {
		digits, behind = digits-1, digits-1-point
	}
	up := scale - behind // zeros to append
	if digits == 0 || digits > shortDigits || up < 0 || up > shortDigits {
		return x, false
	}
	hi, lo := bits.Mul64(u, pow10[up].Lo)
	return Int128{Hi: int64(hi), Lo: lo}, true
}

// parseExponent reads an exponent. One too large for any number that fits is
// cut to one that still is, so that 0e99999999999 is zero.
func parseExponent(text string) (exp int, ok bool) {
	const most = 1 << 30
	e, err := strconv.ParseInt(text, 10, 64)
	if errors.Is(err, strconv.ErrRange) {
		err = nil // e is the nearest number
	}
	return int(min(max(e, -most), most)), err == nil
}

func parseDigits[T string | []byte](text T, exp int, negative bool, precision, scale int, round bool) (Int128, error) {
	point, digits := -1, 0
	for j := range len(text) {
		switch c := text[j]; {
		case c == '.' && point < 0:
			point = digits
		case c >= '0' && c <= '9':
			digits++
		default:
			return Int128{}, errSyntax
		}
	}
	if digits == 0 {
		return Int128{}, errSyntax
	}
	if point < 0 {
		point = digits
	}
	keep := point + exp + scale // how many of the digits are ours; more than there are means zeros behind
	var x Int128
	seen, roundDigit, sticky := 0, byte(0), false
	for j := range len(text) {
		if text[j] == '.' {
			continue
		}
		d := text[j] - '0'
		switch {
		case seen < keep:
			var ok bool
			if x, ok = mulAdd(x, d); !ok {
				return Int128{}, ErrDigits
			}
		case seen == keep:
			roundDigit = d
		default:
			sticky = sticky || d != 0
		}
		seen++
	}
	if x != (Int128{}) && keep-digits > MaxPrecision {
		return Int128{}, ErrDigits
	}
	for ; seen < keep && x != (Int128{}); seen++ {
		var ok bool
		if x, ok = mulAdd(x, 0); !ok {
			return Int128{}, ErrDigits
		}
	}
	if roundDigit != 0 || sticky {
		if !round {
			return Int128{}, ErrDigits
		}
		if roundDigit > 5 || roundDigit == 5 && (sticky || x.Lo&1 == 1) {
			lo, c := bits.Add64(x.Lo, 1, 0)
			x = Int128{Hi: x.Hi + int64(c), Lo: lo}
		}
	}
	if !x.Fits(precision) {
		return Int128{}, ErrDigits
	}
	if negative {
		x = x.Neg()
	}
	return x, nil
}

// AppendDecimal appends x divided by 10^scale with exactly scale digits behind
// the point: "-0.50".
func AppendDecimal(dst []byte, x Int128, scale int) []byte {
	hi, lo := x.magnitude()
	if hi == 0 && 0 < scale && scale <= maxShortScale {
		if x.Negative() {
			dst = append(dst, '-')
		}
		unit := pow10[scale].Lo
		dst = strconv.AppendUint(dst, lo/unit, 10)
		dst = extend(dst, 1+scale)
		fraction := dst[len(dst)-scale:]
		dst[len(dst)-scale-1] = '.'
		for i, rest := scale-1, lo%unit; i >= 0; i, rest = i-1, rest/10 {
			fraction[i] = '0' + byte(rest%10)
		}
		return dst
	}
	var buf [MaxPrecision + 2]byte
	i := len(buf)
	for digit := 0; hi != 0 || lo != 0 || digit <= scale; digit++ {
		if digit == scale && scale > 0 {
			i--
			buf[i] = '.'
		}
		var rem uint64
		if hi == 0 {
			lo, rem = lo/10, lo%10
		} else {
			hi, rem = hi/10, hi%10
			lo, rem = bits.Div64(rem, lo, 10)
		}
		i--
		buf[i] = '0' + byte(rem)
	}
	if x.Negative() {
		dst = append(dst, '-')
	}
	return append(dst, buf[i:]...)
}
