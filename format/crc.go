package format

import "hash/crc32"

// Sum is the length and the CRC-32 (IEEE) of a run of bytes. The zero Sum is
// that of no bytes.
type Sum struct {
	Bytes int64
	CRC32 uint32
}

// SumOf returns the sum of p.
func SumOf(p []byte) Sum {
	return Sum{Bytes: int64(len(p)), CRC32: crc32.ChecksumIEEE(p)}
}

// Join returns the sum of s's bytes followed by t's, from the two sums alone.
func (s Sum) Join(t Sum) Sum {
	return Sum{Bytes: s.Bytes + t.Bytes, CRC32: mulMod(s.CRC32, xPow(t.Bytes)) ^ t.CRC32}
}

// A CRC is the remainder of a polynomial over GF(2); appending n bytes to what
// it was made of multiplies it by x^8n before the new bytes' own CRC is added.
// Here, as in hash/crc32, the highest bit is the coefficient of x^0.

// mulMod returns a*b modulo the IEEE polynomial.
func mulMod(a, b uint32) (product uint32) {
	for ; a != 0; a <<= 1 {
		if a>>31 == 1 {
			product ^= b
		}
		carry := b & 1
		b = b>>1 ^ crc32.IEEE&-carry // b *= x
	}
	return product
}

// xPow8[k] is x^(8 * 2^k).
var xPow8 = func() (squares [63]uint32) {
	squares[0] = 1 << (31 - 8)
	for k := 1; k < len(squares); k++ {
		squares[k] = mulMod(squares[k-1], squares[k-1])
	}
	return squares
}()

// xPow returns x^8n for n ≥ 0.
func xPow(n int64) uint32 {
	power := uint32(1 << 31)
	for k := 0; n > 0; n, k = n>>1, k+1 {
		if n&1 == 1 {
			power = mulMod(power, xPow8[k])
		}
	}
	return power
}
