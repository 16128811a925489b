package sink

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxSegment is the longest name between two slashes, in bytes: the limit of
// the common file systems less the room that a temporary file's name needs.
const maxSegment = 200

// maxKey is the longest key in bytes that S3 and Google Cloud Storage take.
const maxKey = 1024

// ValidKey reports, with an error that wraps [ErrKey], why key cannot name an
// object on every store and every file system: segments joined by "/", each of
// 1 to 200 bytes of UTF-8 with none of \ : * ? " < > |, no control character, no
// mark that turns the direction of text and nothing that XML cannot hold, not
// beginning with a dot or ending in a dot or space, and no name that Windows
// reserves. Keys that differ only in case, or in how Unicode composes a letter, are
// different keys and yet one file on some file systems.
func ValidKey(key string) error {
	if len(key) > maxKey {
		return fmt.Errorf("sink: a key of %d bytes is over the limit of %d: %w", len(key), maxKey, ErrKey)
	}
	for segment := range strings.SplitSeq(key, "/") {
		if why := badSegment(segment); why != "" {
			return fmt.Errorf("sink: key %q: %s: %w", key, why, ErrKey)
		}
	}
	return nil
}

func badSegment(s string) string {
	switch {
	case s == "":
		return "an empty segment"
	case len(s) > maxSegment:
		return "a segment over 200 bytes"
	case !utf8.ValidString(s):
		return "not UTF-8"
	case s[0] == '.':
		return "a segment that begins with a dot"
	case s[len(s)-1] == '.' || s[len(s)-1] == ' ':
		return "a segment that ends in a dot or space"
	case strings.ContainsFunc(s, unsafeRune):
		return "a character that some file system refuses"
	case reserved(s):
		return "a name that Windows reserves"
	}
	return ""
}

func unsafeRune(r rune) bool {
	return r < 0x20 || r >= 0x7f && r < 0xa0 || strings.ContainsRune("\\:*?\"<>|", r) ||
		r == '\u2028' || r == '\u2029' || r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069' ||
		r == '\u200e' || r == '\u200f' || r == '\u061c' || r == '\ufeff' || r == utf8.RuneError || r&0xfffe == 0xfffe
}

func reserved(s string) bool {
	stem, _, _ := strings.Cut(strings.ToUpper(s), ".")
	stem = strings.TrimRight(stem, " ")
	switch stem {
	case "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$":
		return true
	}
	for _, device := range []string{"COM", "LPT"} {
		if port, ok := strings.CutPrefix(stem, device); ok && len([]rune(port)) == 1 && strings.ContainsAny(port, "0123456789¹²³") {
			return true
		}
	}
	return false
}

// CleanSegment turns any name into one segment of a valid key, at most 100
// bytes long: a name that is fine already is kept; any other has its bad
// characters replaced by "-" and a mark behind it, "~" and 32 hexadecimal digits
// of its SHA-256. So two different names never clean to the same segment, and
// not even to segments that a file system without case takes for the same,
// unless both are kept as they are.
func CleanSegment(name string) string {
	const limit = 100
	if badSegment(name) == "" && len(name) <= limit && !strings.ContainsAny(name, "~/") {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	mark := "~" + hex.EncodeToString(sum[:16])
	var b strings.Builder
	for _, r := range name {
		if r == '/' || r == '~' || r == '.' || r == ' ' || unsafeRune(r) {
			r = '-'
		}
		if b.Len()+utf8.RuneLen(r)+len(mark) > limit {
			break
		}
		b.WriteRune(r)
	}
	if out := b.String() + mark; badSegment(out) == "" {
		return out
	}
	return "x" + mark
}
