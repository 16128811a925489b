package format

// A Compression names a codec around a file: what requests and manifests say.
type Compression string

// The codecs. The empty Compression means None for a [BlockFormatter] and the
// format's own default for a [Compressing] one.
const (
	None Compression = "none"
	Gzip Compression = "gzip"
	Zstd Compression = "zstd"
)

// Extension returns what is added to a file's name: "", ".gz" or ".zst".
func (c Compression) Extension() string {
	switch c {
	case Gzip:
		return ".gz"
	case Zstd:
		return ".zst"
	default:
		return ""
	}
}

// Valid reports whether c is one of None, Gzip and Zstd.
func (c Compression) Valid() bool { return c == None || c == Gzip || c == Zstd }
