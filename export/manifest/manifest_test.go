package manifest_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/export/manifest"
	"github.com/exportyard/exportyard/sink"
	"github.com/exportyard/exportyard/sink/memsink"
)

// folder is where the archives of these tests lie.
const folder = "acme/j1/"

// store stores two files with their manifest.
func store() (*memsink.Sink, *manifest.Manifest, error) {
	s, err := memsink.New(nil)
	if err != nil {
		return nil, nil, err
	}
	m := &manifest.Manifest{
		FormatVersion: manifest.FormatVersion, Job: "j1", Tenant: "acme", Key: folder + "manifest.1.json", Request: []byte("{}"),
		Datasets: []manifest.Dataset{{Name: "runs", Rows: 3}},
	}
	for i, text := range []string{"a\n1\n2\n", "a\n3\n"} {
		data := []byte(text)
		sum := sha256.Sum256(data)
		f := manifest.File{
			Key: fmt.Sprintf("%sruns.%d.1.csv", folder, i), Rows: int64(2 - i), Bytes: int64(len(data)),
			SHA256: hex.EncodeToString(sum[:]), CRC32: manifest.HexCRC(crc32.ChecksumIEEE(data)),
		}
		s.Put(f.Key, data)
		m.Files = append(m.Files, f)
		m.Rows, m.Bytes = m.Rows+f.Rows, m.Bytes+f.Bytes
	}
	data, err := m.Encode()
	s.Put(m.Key, data)
	return s, m, err
}

func archive(t *testing.T) (*memsink.Sink, *manifest.Manifest) {
	t.Helper()
	s, m, err := store()
	require.NoError(t, err)
	return s, m
}

func write(t *testing.T, s *memsink.Sink, m *manifest.Manifest) []byte {
	t.Helper()
	data, err := m.Encode()
	require.NoError(t, err)
	s.Put(m.Key, data)
	return data
}

// problems returns what an error says of each bad object.
func problems(t *testing.T, err error) []manifest.Problem {
	t.Helper()
	var bad *manifest.Error
	require.ErrorAs(t, err, &bad)
	require.Equal(t, strings.Count(err.Error(), "; ")+1, len(bad.Problems), "%v", err)
	return bad.Problems
}

// R27: every bit that is flipped is found, and its file named.
func TestR27_EveryFlippedBit(t *testing.T) {
	t.Parallel()
	s, m := archive(t)
	for _, f := range m.Files {
		good, _ := s.Bytes(f.Key)
		for bit := range len(good) * 8 {
			bad := bytes.Clone(good)
			bad[bit/8] ^= 1 << (bit % 8)
			s.Put(f.Key, bad)
			_, err := manifest.Verify(t.Context(), s, folder, nil)
			require.Equal(t, f.Key, problems(t, err)[0].Key)
		}
		s.Put(f.Key, good)
	}
	got, err := manifest.Verify(t.Context(), s, "", nil)
	require.NoError(t, err)
	require.Equal(t, m, got)
}

func TestR27_Damage(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		damage func(s *memsink.Sink, m *manifest.Manifest)
		keys   []string // of the problems, in their order
		text   string
	}{
		{"a file gone", func(s *memsink.Sink, m *manifest.Manifest) { _ = s.Delete(t.Context(), m.Files[1].Key) }, []string{"acme/j1/runs.1.1.csv"}, "is missing"},
		{"a file cut", func(s *memsink.Sink, m *manifest.Manifest) { s.Put(m.Files[0].Key, []byte("a\n1\n2")) }, []string{"acme/j1/runs.0.1.csv"}, "has 5 bytes instead of 6"},
		{"both bad", func(s *memsink.Sink, m *manifest.Manifest) { s.Put(m.Files[0].Key, nil); s.Put(m.Files[1].Key, nil) }, []string{"acme/j1/runs.0.1.csv", "acme/j1/runs.1.1.csv"}, "has 0 bytes"},
		{"totals edited", func(s *memsink.Sink, m *manifest.Manifest) { m.Rows++; write(t, s, m) }, []string{"acme/j1/manifest.1.json"}, "totals"},
		{"a dataset edited", func(s *memsink.Sink, m *manifest.Manifest) { m.Datasets[0].Rows--; write(t, s, m) }, []string{"acme/j1/manifest.1.json"}, "totals"},
		{"no manifest", func(s *memsink.Sink, m *manifest.Manifest) { _ = s.Delete(t.Context(), m.Key) }, []string{"acme/"}, "there is no manifest"},
		{"not a manifest", func(s *memsink.Sink, m *manifest.Manifest) { s.Put(m.Key, []byte("{")) }, []string{"acme/j1/manifest.1.json"}, "is not a manifest"},
		{"of a later version", func(s *memsink.Sink, m *manifest.Manifest) { m.FormatVersion++; write(t, s, m) }, []string{"acme/j1/manifest.1.json"}, "reads up to"},
		{"two manifests", func(s *memsink.Sink, m *manifest.Manifest) { s.Put(folder+"manifest.2.json", nil) }, []string{"acme/j1"}, "two manifests"},
		{"two archives", func(s *memsink.Sink, m *manifest.Manifest) { s.Put("acme/j2/manifest.1.json", nil) }, []string{"acme/"}, "name one"},
		{"the manifest renamed", func(s *memsink.Sink, m *manifest.Manifest) {
			data, _ := s.Bytes(m.Key)
			_ = s.Delete(t.Context(), m.Key)
			s.Put(folder+"manifest.7.json", data)
		}, []string{"acme/j1/manifest.7.json"}, "rename it back"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, m := archive(t)
			tt.damage(s, m)
			_, err := manifest.Verify(t.Context(), s, "acme/", nil)
			require.ErrorContains(t, err, tt.text)
			var keys []string
			for _, p := range problems(t, err) {
				keys = append(keys, p.Key)
			}
			require.Equal(t, tt.keys, keys)
		})
	}
}

// D2: whoever has the public key knows who made the manifest.
func TestD2_Signature(t *testing.T) {
	t.Parallel()
	public, private, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	other, _, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	s, m := archive(t)
	verify := func(key ed25519.PublicKey) error {
		_, err := manifest.VerifyAt(t.Context(), s, m.Key, &manifest.VerifyOptions{PublicKey: key})
		return err
	}
	require.ErrorIs(t, verify(public), sink.ErrNotFound, "nobody signed it")
	s.Put(m.Key+manifest.SignatureExt, manifest.Sign(private, write(t, s, m)))
	require.NoError(t, verify(public))
	require.ErrorContains(t, verify(other), "signature")
	m.Tenant = "globex"
	write(t, s, m)
	require.ErrorContains(t, verify(public), "signature", "it was edited")
}

// An object that is read in part, or by somebody who gives up, is proved all the same.
func TestRead_ProvesWhateverTheReaderDoes(t *testing.T) {
	t.Parallel()
	s, m := archive(t)
	gaveUp := errors.New("gave up")
	o := m.Files[0].Object()
	one := func(err error) func(io.Reader) error {
		return func(r io.Reader) error {
			if _, readErr := io.ReadFull(r, make([]byte, 1)); readErr != nil {
				return readErr
			}
			return err
		}
	}
	require.ErrorIs(t, manifest.Read(t.Context(), s, o, one(gaveUp)), gaveUp)
	s.Put(o.Key, []byte("a\n1\n3\n"))
	require.Len(t, problems(t, manifest.Read(t.Context(), s, o, one(gaveUp))), 1, "the damage explains why")
	require.ErrorContains(t, manifest.Read(t.Context(), s, o, one(nil)), "instead of", "it was not read to its end")
	_, err := manifest.ReadAll(t.Context(), s, manifest.Object{Key: "acme/none"})
	require.ErrorIs(t, err, sink.ErrNotFound)
}

func Example() {
	disk, _, err := store() // an archive of two files, below acme/j1
	if err != nil {
		fmt.Println(err)
		return
	}
	m, err := manifest.Verify(context.Background(), disk, "acme/j1/", nil)
	if err != nil {
		fmt.Println(err) // names every file that is not what was written
		return
	}
	fmt.Printf("export %s of %s: %d rows in %d files\n", m.Job, m.Tenant, m.Rows, len(m.Files))

	// Output: export j1 of acme: 3 rows in 2 files
}
