package queue

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// PageSize returns Limit within its bounds.
func (q ListQuery) PageSize() int {
	switch {
	case q.Limit < 1:
		return 50
	case q.Limit > 1000:
		return 1000
	default:
		return q.Limit
	}
}

const cursorBytes = 8 + crc32.Size

// Cursor returns the cursor that stands behind the tenant's job with this
// number, for stores that number the jobs of a tenant as they are created.
func Cursor(tenant string, seq int64) string {
	var b [cursorBytes]byte
	binary.BigEndian.PutUint64(b[:8], uint64(seq))
	binary.BigEndian.PutUint32(b[8:], cursorSum(tenant, b[:8]))
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// ParseCursor returns the number in a cursor, or an error that wraps
// [ErrCursor] when the cursor is not of this tenant or was altered.
func ParseCursor(tenant, cursor string) (int64, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	// The decoder passes over line breaks, so the length of the text counts too.
	if err != nil || len(b) != cursorBytes || len(cursor) != base64.RawURLEncoding.EncodedLen(cursorBytes) || binary.BigEndian.Uint32(b[8:]) != cursorSum(tenant, b[:8]) {
		return 0, fmt.Errorf("queue: list: %w", ErrCursor)
	}
	return int64(binary.BigEndian.Uint64(b[:8])), nil
}

// cursorSum tells a mangled cursor from a good one. It keeps no secret: a
// cursor only says where a tenant's own list goes on.
func cursorSum(tenant string, seq []byte) uint32 {
	return crc32.Update(crc32.ChecksumIEEE([]byte(tenant)), crc32.IEEETable, seq)
}
