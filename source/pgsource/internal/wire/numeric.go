package wire

import (
	"encoding/binary"
	"errors"
	"math/bits"

	"github.com/exportyard/exportyard/source"
)

// A numeric is a number of digits of base 10,000, of which the first stands for
// multiples of 10,000^weight, a sign, and how many decimal digits behind the
// point are shown.
type numeric struct {
	digits   []byte // two bytes each
	weight   int
	negative bool
	shown    int
}

// What stands in the place of a numeric's sign.
const (
	signNegative = 0x4000
	signNaN      = 0xC000
	signInf      = 0xD000
	signMinusInf = 0xF000
)

var errNumeric = errors.New("the server sent a numeric that cannot be read")

func parseNumeric(data []byte) (n numeric, err error) {
	if len(data) < 8 {
		return n, errNumeric
	}
	count := int(binary.BigEndian.Uint16(data))
	n.weight = int(int16(binary.BigEndian.Uint16(data[2:])))
	n.shown = int(binary.BigEndian.Uint16(data[6:]))
	n.digits = data[8:]
	switch sign := binary.BigEndian.Uint16(data[4:]); {
	case sign == signNaN:
		return n, errNaN
	case sign == signInf, sign == signMinusInf:
		n.negative = sign == signMinusInf
		return n, errInf
	case sign == signNegative:
		n.negative = true
	case sign != 0:
		return n, errNumeric
	}
	if len(n.digits) != 2*count {
		return n, errNumeric
	}
	for i := range count {
		if n.digit(i) > 9999 {
			return n, errNumeric
		}
	}
	return n, nil
}

// digit returns digit i, zero outside of those that were sent.
func (n *numeric) digit(i int) uint64 {
	if i < 0 || 2*i >= len(n.digits) {
		return 0
	}
	return uint64(binary.BigEndian.Uint16(n.digits[2*i:]))
}

// appendText appends the number as PostgreSQL writes it.
func (n *numeric) appendText(dst []byte) []byte {
	if n.negative && len(n.digits) > 0 {
		dst = append(dst, '-')
	}
	begun := false
	for i := 0; i <= n.weight; i++ {
		d := n.digit(i)
		for _, unit := range [4]uint64{1000, 100, 10, 1} {
			if digit := d / unit % 10; digit > 0 || begun {
				dst, begun = append(dst, '0'+byte(digit)), true
			}
		}
	}
	if !begun {
		dst = append(dst, '0')
	}
	if n.shown == 0 {
		return dst
	}
	dst = append(dst, '.')
	for left, i := n.shown, n.weight+1; left > 0; i++ {
		d := n.digit(i)
		for _, unit := range [4]uint64{1000, 100, 10, 1} {
			if left > 0 {
				dst = append(dst, '0'+byte(d/unit%10))
				left--
			}
		}
	}
	return dst
}

// pow10 are the powers of ten that 64 bits hold.
var pow10 = func() (p [20]uint64) {
	p[0] = 1
	for i := 1; i < len(p); i++ {
		p[i] = 10 * p[i-1]
	}
	return p
}()

// shortDigits is how many digits of base 10,000 always fit 64 bits.
const shortDigits = 4

// short returns the number times 10^scale when it is small enough and nothing of
// it lies behind the scale. ok is false for all others, right or wrong.
func (n *numeric) short(scale int) (x source.Int128, ok bool) {
	count := len(n.digits) / 2
	if count > shortDigits {
		return x, false
	}
	var u uint64
	for i := range count {
		u = u*10_000 + n.digit(i)
	}
	var hi uint64
	switch shift := 4*(n.weight-count+1) + scale; {
	case u == 0:
	case shift >= len(pow10), -shift >= len(pow10):
		return x, false
	case shift >= 0:
		hi, u = bits.Mul64(u, pow10[shift])
	case u%pow10[-shift] != 0:
		return x, false
	default:
		u /= pow10[-shift]
	}
	x = source.Int128{Hi: int64(hi), Lo: u}
	if n.negative {
		x = x.Neg()
	}
	return x, true
}

func numericDecoder(precision, scale int, round, nullNaN bool) Decoder {
	return func(v *source.Vector, data []byte) error {
		n, err := parseNumeric(data)
		if errors.Is(err, errNaN) && nullNaN {
			v.AppendNull()
			return nil
		}
		if err != nil {
			return err
		}
		x, ok := n.short(scale)
		if ok {
			ok = x.Fits(precision)
		} else {
			var buf [128]byte
			x, err = source.ParseDecimal(n.appendExact(buf[:0]), precision, scale, round)
			ok = err == nil
		}
		if !ok {
			return tooMany(precision, scale)
		}
		v.AppendDecimal(x)
		return nil
	}
}

// appendExact appends all digits that were sent, also those that are not shown.
func (n *numeric) appendExact(dst []byte) []byte {
	all := *n
	all.shown = max(n.shown, 4*(len(n.digits)/2-n.weight-1))
	return all.appendText(dst)
}

func numericText(v *source.Vector, data []byte) error {
	n, err := parseNumeric(data)
	var buf [128]byte
	switch {
	case errors.Is(err, errNaN):
		return v.AppendString("NaN")
	case errors.Is(err, errInf) && n.negative:
		return v.AppendString("-Infinity")
	case errors.Is(err, errInf):
		return v.AppendString("Infinity")
	case err != nil:
		return err
	}
	return v.AppendBytes(n.appendText(buf[:0]))
}
