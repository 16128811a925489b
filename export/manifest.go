package export

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
	Interval  Interval        `json:"interval"`
	// From and To are the range of the rows' time; absent when it is open.
	From time.Time `json:"from,omitzero"`
	To   time.Time `json:"to,omitzero"`

	Datasets []ManifestDataset `json:"datasets"`
	Files    []ManifestFile    `json:"files"`
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

// A ManifestDataset describes a dataset of an export.
type ManifestDataset struct {
	Name   string          `json:"name"`
	Schema []ManifestField `json:"schema,omitempty"`
	Rows   int64           `json:"rows"`
	// Counted says who counted the rows: "source", in the snapshot that was
	// read, or "stream", by reading.
	Counted string `json:"counted,omitempty"`
	// Unguarded says that no column tells the tenant of a row.
	Unguarded bool       `json:"unguarded,omitempty"`
	Omitted   []Omission `json:"omitted_fields,omitempty"`
	// Skipped says why the dataset is not in the export at all.
	Skipped string `json:"skipped,omitempty"`
	// NullTimeRows have no time and are therefore in no file.
	NullTimeRows int64 `json:"null_time_rows,omitempty"`
}

// A ManifestField describes a column.
type ManifestField struct {
	Name     string      `json:"name"`
	Kind     source.Kind `json:"kind"`
	Required bool        `json:"required,omitempty"`
}

// An Omission is a field that was left out, and why.
type Omission struct {
	Field  string `json:"field"`
	Reason string `json:"reason"`
}

// A ManifestFile describes one file. From and To are its period. The Raw
// figures are of the bytes before compression.
type ManifestFile struct {
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
	CRC32       string             `json:"crc32"` // eight hexadecimal digits
	RawBytes    int64              `json:"raw_bytes"`
	RawCRC32    string             `json:"raw_crc32"`
	MediaType   string             `json:"media_type"`
	// AsOf of the file's own rows, where the export is not of one snapshot.
	AsOf AsOf `json:"as_of,omitzero"`
}

// encode writes the manifest as people can read it.
func (m *Manifest) encode() ([]byte, error) {
	data, err := json.MarshalIndent(m, "", "  ")
	return append(data, '\n'), err
}

func hexCRC(c uint32) string { return fmt.Sprintf("%08x", c) }

const signatureExt = ".sig"

// sign returns the detached signature of a manifest: one line of base64.
func sign(key ed25519.PrivateKey, manifest []byte) []byte {
	return []byte(base64.StdEncoding.EncodeToString(ed25519.Sign(key, manifest)) + "\n")
}

func signatureValid(key ed25519.PublicKey, manifest, signature []byte) bool {
	sig, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(signature)))
	return err == nil && ed25519.Verify(key, manifest, sig)
}
