// Package manifest is what an export leaves behind: the list of its files, with
// which anybody can prove an archive years later, without the engine, the job
// store and the source that made it.
//
// [Find] lists the archives of a destination, [Verify] proves one of them: every
// file is there with the size and the SHA-256 that were written, and the totals
// are the sums. With the public key of whoever made it, it also proves that the
// manifest is theirs. [Read] proves a single object while it is read.
//
// # Errors
//
// What is not as it was written is an [*Error], which names each bad object. All
// other errors are those of the sink.
package manifest

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/exportyard/exportyard/format"
	"github.com/exportyard/exportyard/source"
)

// FormatVersion is the version of the manifests that this package writes.
// Later ones may add fields; readers ignore those they do not know.
const FormatVersion = 1

// A Manifest says what an export consists of. It is the last object that is
// written, and the proof that the export is complete.
type Manifest struct {
	FormatVersion int    `json:"format_version"`
	Job           string `json:"job"`
	Tenant        string `json:"tenant"`
	// Key is where the manifest itself was written. Files lie where they lay
	// relative to it, also when the whole folder was moved.
	Key string `json:"key"`
	// Request is the request as it was taken.
	Request   json.RawMessage `json:"request"`
	CreatedAt time.Time       `json:"created_at"`
	AsOf      AsOf            `json:"as_of"`
	Zone      string          `json:"zone"`
	Interval  string          `json:"interval"`
	// From and To are the range of the rows' time; absent when it is open.
	From time.Time `json:"from,omitzero"`
	To   time.Time `json:"to,omitzero"`

	Datasets []Dataset `json:"datasets"`
	Files    []File    `json:"files"`
	// Rows and Bytes are the sums over Files.
	Rows  int64 `json:"rows"`
	Bytes int64 `json:"bytes"`
	// Warnings say what a reader should know: rows left out because they have
	// no time, a source that changed while it was read.
	Warnings []string `json:"warnings,omitempty"`
}

// AsOf says which moments the rows show. With a snapshot, which sessions of the
// source could share while the export ran, all rows show the one instant, between
// From and To, at which it was taken. Without, each part of the rows shows the
// source at some instant between From and To.
type AsOf struct {
	Snapshot string    `json:"snapshot,omitempty"`
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`
}

// How the rows of a [Dataset] were counted.
const (
	CountedBySource = "source" // in the snapshot that was read
	CountedByStream = "stream" // by reading
)

// A Dataset describes a dataset of an export.
type Dataset struct {
	Name   string  `json:"name"`
	Schema []Field `json:"schema,omitempty"`
	Rows   int64   `json:"rows"`
	// Counted says who counted the rows, CountedBySource or CountedByStream.
	Counted string `json:"counted,omitempty"`
	// Unguarded says that no column tells the tenant of a row.
	Unguarded bool       `json:"unguarded,omitempty"`
	Omitted   []Omission `json:"omitted_fields,omitempty"`
	// Skipped says why the dataset is not in the export at all.
	Skipped string `json:"skipped,omitempty"`
	// NullTimeRows have no time and are therefore in no file.
	NullTimeRows int64 `json:"null_time_rows,omitempty"`
}

// A Field describes a column.
type Field struct {
	Name     string      `json:"name"`
	Kind     source.Kind `json:"kind"`
	Required bool        `json:"required,omitempty"`
}

// An Omission is a field that was left out, and why.
type Omission struct {
	Field  string `json:"field"`
	Reason string `json:"reason"`
}

// A File describes one file. From and To are its period. The Raw figures are of
// the bytes before compression.
type File struct {
	Key         string             `json:"key"`
	Name        string             `json:"name"`
	Dataset     string             `json:"dataset,omitempty"`
	Datasets    []string           `json:"datasets,omitempty"`
	From        time.Time          `json:"from,omitzero"`
	To          time.Time          `json:"to,omitzero"`
	Format      string             `json:"format"`
	Compression format.Compression `json:"compression"`
	Profile     string             `json:"profile,omitempty"`
	Rows        int64              `json:"rows"`
	Bytes       int64              `json:"bytes"`
	SHA256      string             `json:"sha256"`
	CRC32       string             `json:"crc32"` // as [HexCRC] writes it
	RawBytes    int64              `json:"raw_bytes"`
	RawCRC32    string             `json:"raw_crc32"`
	MediaType   string             `json:"media_type"`
	// AsOf of the file's own rows, where the export is not of one snapshot.
	AsOf AsOf `json:"as_of,omitzero"`
}

// HexCRC writes a CRC-32 as manifests do, in eight hexadecimal digits.
func HexCRC(c uint32) string { return fmt.Sprintf("%08x", c) }

// Encode writes the manifest as people can read it.
func (m *Manifest) Encode() ([]byte, error) {
	data, err := json.MarshalIndent(m, "", "  ")
	return append(data, '\n'), err
}

// Decode reads the manifest that was found under key. One of a later version
// than FormatVersion is an [*Error].
func Decode(key string, data []byte) (*Manifest, error) {
	m := new(Manifest)
	if err := json.Unmarshal(data, m); err != nil {
		return nil, corrupt(key, "is not a manifest")
	}
	if m.FormatVersion < 1 || m.FormatVersion > FormatVersion {
		return nil, corrupt(key, fmt.Sprintf("has format version %d, this program reads up to %d", m.FormatVersion, FormatVersion))
	}
	return m, nil
}

// SignatureExt is what a signature's key has behind that of its manifest.
const SignatureExt = ".sig"

// Sign returns the detached signature of an encoded manifest: one line of base64.
func Sign(key ed25519.PrivateKey, encoded []byte) []byte {
	return []byte(base64.StdEncoding.EncodeToString(ed25519.Sign(key, encoded)) + "\n")
}

func signatureValid(key ed25519.PublicKey, encoded, signature []byte) bool {
	sig, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(signature)))
	return err == nil && ed25519.Verify(key, encoded, sig)
}
