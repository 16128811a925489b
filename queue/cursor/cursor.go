// Package cursor writes the cursors of lists, for stores that number what is in a list.
// A cursor says where a list goes on, and nothing that its reader may not know.
package cursor

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/exportyard/exportyard/queue"
)

// number is how many bytes a number takes.
const number = 8

// Make returns the cursor that stands, in the named list, behind what has these
// numbers. The list of a tenant has the tenant's name.
func Make(list string, numbers ...int64) string {
	b := make([]byte, 0, number*len(numbers)+crc32.Size)
	for _, n := range numbers {
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	return base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint32(b, sum(list, b)))
}

// Parse returns the n numbers in a cursor, or an error that wraps [queue.ErrCursor] when
// the cursor is not of this list or was altered.
func Parse(list, text string, n int) ([]int64, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	end := n * number
	// The decoder passes over line breaks, so the length of the text counts too.
	if err != nil || len(b) != end+crc32.Size || len(text) != base64.RawURLEncoding.EncodedLen(len(b)) || binary.BigEndian.Uint32(b[end:]) != sum(list, b[:end]) {
		return nil, fmt.Errorf("cursor: %w", queue.ErrCursor)
	}
	numbers := make([]int64, n)
	for i := range numbers {
		numbers[i] = int64(binary.BigEndian.Uint64(b[i*number:]))
	}
	return numbers, nil
}

// Seq returns the number in a cursor of a list that is numbered by one.
func Seq(list, text string) (int64, error) {
	numbers, err := Parse(list, text, 1)
	if err != nil {
		return 0, err
	}
	return numbers[0], nil
}

// sum tells a mangled cursor from a good one. It keeps no secret.
func sum(list string, numbers []byte) uint32 {
	return crc32.Update(crc32.ChecksumIEEE([]byte(list)), crc32.IEEETable, numbers)
}
