package export_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/exportyard/exportyard/export"
	"github.com/exportyard/exportyard/export/manifest"
	"github.com/exportyard/exportyard/sink"
)

// damage returns a changed copy of stored bytes.
func flip(data []byte, bit int) []byte {
	out := bytes.Clone(data)
	out[bit/8] ^= 1 << (bit % 8)
	return out
}

// DESIGN 4.6: what the store does between a commit and the seal is found: the
// job fails with verification_failed, and says which object.
func TestVerification_BetweenCommitAndSeal(t *testing.T) {
	t.Parallel()
	for _, layout := range []struct {
		name string
		r    export.Request
	}{
		{"whole files", export.Request{Tenant: "acme", All: true, Format: "csv", Interval: export.Day}},
		{"joined", export.Request{Tenant: "acme", All: true, Format: "csv", Compression: export.Gzip}},
		{"document", export.Request{Tenant: "acme", All: true, Format: "json", Compression: export.Zstd}},
		{"parquet", export.Request{Tenant: "acme", All: true, Format: "parquet"}},
	} {
		for name, change := range map[string]func([]byte) []byte{
			"corrupted": func(b []byte) []byte { return flip(b, len(b)*4) },
			"truncated": func(b []byte) []byte { return b[:len(b)-1] },
			"grown":     func(b []byte) []byte { return append(bytes.Clone(b), 0) },
			"removed":   nil,
		} {
			for _, which := range []string{"runs", "manifest"} {
				if which == "manifest" && name == "removed" {
					continue // the next test
				}
				t.Run(layout.name+"/"+name+"/"+which, func(t *testing.T) {
					t.Parallel()
					inner := newMemsink(t)
					broken := &faultySink{Sink: inner, fail: func(string, string) error { return nil }}
					broken.after = func(_, key string) {
						if !strings.Contains(key, which) {
							return
						}
						data, _ := inner.Bytes(key)
						if change == nil {
							_ = inner.Delete(context.Background(), key)
						} else {
							inner.Put(key, change(data))
						}
					}
					h := newHouse(t, func(c *export.Config) { c.Sink, c.Parts = broken, 1 })
					h.start()
					j := h.export(layout.r)
					require.Equal(t, export.Failed, j.State)
					require.Equal(t, export.CodeVerificationFailed, j.Error.Code, "%v", j.Error)
					require.Contains(t, j.Error.Problems[0].Field, which)
					require.NoError(t, h.Sweep(context.Background()))
					require.Empty(t, inner.Keys(), "a failed export leaves nothing")
				})
			}
		}
	}
}

// R26: what the seal finds to be bad once, it makes anew.
func TestR26_BadOnce(t *testing.T) {
	t.Parallel()
	inner := newMemsink(t)
	var written atomic.Int32
	broken := &faultySink{Sink: inner, fail: func(string, string) error { return nil }}
	broken.after = func(_, key string) {
		if strings.Contains(key, "manifest") && written.Add(1) == 1 {
			data, _ := inner.Bytes(key)
			inner.Put(key, data[:len(data)-1])
		}
	}
	h := newHouse(t, func(c *export.Config) { c.Sink = broken })
	h.start()
	_, m := h.completed(export.Request{Tenant: "acme", All: true, Format: "csv", Compression: export.Gzip})
	require.Equal(t, int32(2), written.Load())
	require.NoError(t, h.Sweep(context.Background()))
	require.Len(t, inner.Keys(), len(m.Files)+1)
}

// archive makes an export of a file a day and returns where it lies.
func archive(t *testing.T, change func(*export.Config)) (*house, *export.Job, *manifest.Manifest) {
	t.Helper()
	h := newHouse(t, change)
	h.start()
	j, m := h.completed(export.Request{Tenant: "acme", All: true, Format: "csv", Compression: export.Gzip, Interval: export.Day})
	require.NoError(t, h.Sweep(context.Background()))
	return h, j, m
}

// R27: every flipped bit, cut byte, swapped or missing file is found, and the
// file named.
func TestR27_VerifyNamesTheBadFile(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	h, j, m := archive(t, nil)
	verify := func() error {
		_, err := export.Verify(ctx, h.sink, "acme/", nil)
		return err
	}
	require.NoError(t, verify())
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		f := m.Files[rnd.IntN(len(m.Files))]
		good, _ := h.sink.Bytes(f.Key)
		h.sink.Put(f.Key, flip(good, rnd.IntN(len(good)*8)))
		e := refusal(t, verify())
		require.Equal(t, export.CodeVerificationFailed, e.Code)
		require.Len(t, e.Problems, 1)
		require.Equal(t, f.Key, e.Problems[0].Field)
		h.sink.Put(f.Key, good)
	}
	a, b := m.Files[0].Key, m.Files[1].Key
	dataA, _ := h.sink.Bytes(a)
	dataB, _ := h.sink.Bytes(b)
	h.sink.Put(a, dataB)
	h.sink.Put(b, dataA)
	require.Len(t, refusal(t, verify()).Problems, 2, "swapped files")
	h.sink.Put(a, dataA)
	require.NoError(t, h.sink.Delete(ctx, b))
	require.Equal(t, b, refusal(t, verify()).Problems[0].Field)
	h.sink.Put(b, dataB)
	raw, _ := h.sink.Bytes(m.Key)
	h.sink.Put(m.Key, bytes.Replace(raw, []byte(`"rows": `+"300"), []byte(`"rows": 301`), 1))
	require.Error(t, verify(), "a manifest that was edited")
	_, err := h.Verify(ctx, "acme", j.ID)
	require.Error(t, err, "the job knows its manifest's SHA-256")
	h.sink.Put(m.Key, raw)
	require.NoError(t, verify())
	h.sink.Put("acme/"+j.ID+"/manifest.99.json", raw)
	require.ErrorContains(t, verify(), "two manifests")
}

// D2: a signed archive proves who made it.
func TestD2_Signature(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	pub, key, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	h, _, m := archive(t, func(c *export.Config) { c.SigningKey = key })
	opts := &manifest.VerifyOptions{PublicKey: pub}
	_, err = export.Verify(ctx, h.sink, "", opts)
	require.NoError(t, err)
	other, _, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	_, err = export.Verify(ctx, h.sink, "", &manifest.VerifyOptions{PublicKey: other})
	require.ErrorContains(t, err, "signature")
	require.NoError(t, h.sink.Delete(ctx, m.Key+".sig"))
	_, err = export.Verify(ctx, h.sink, "", opts)
	require.Error(t, err, "a signature that is missing is no signature")
}

// An archive that was moved as a whole still verifies; a single file that was
// moved does not.
func TestVerify_MovedFolder(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	h, j, m := archive(t, nil)
	for _, prefix := range []string{"", "backup/2026", "acme/else"} {
		moved := newMemsink(t)
		for _, key := range keysOf(m) {
			data, _ := h.sink.Bytes(key)
			name := strings.TrimPrefix(key, "acme/"+j.ID+"/")
			moved.Put(strings.TrimPrefix(prefix+"/"+name, "/"), data)
		}
		got, err := export.Verify(ctx, moved, "", nil)
		require.NoError(t, err, prefix)
		require.Equal(t, m.Rows, got.Rows)
	}
	_, err := export.Verify(ctx, newMemsink(t), "", nil)
	require.ErrorContains(t, err, "no manifest")
}

// R25, R24: whatever operation of the sink fails, at whatever occurrence, the
// export either completes and verifies or leaves nothing visible; and at no
// moment is there a manifest whose files are absent.
func TestR25_FailEachOperationOfTheSink(t *testing.T) {
	t.Parallel()
	for _, op := range []string{"create", "write", "commit", "open", "read", "list", "delete"} {
		t.Run(op, func(t *testing.T) {
			t.Parallel()
			for i := range 25 {
				inner := newMemsink(t)
				calls := -8 // the probe's are not counted
				broken := &faultySink{Sink: inner, fail: func(o, _ string) error {
					if o == op {
						calls++
						if calls == i {
							return sink.ErrFull
						}
					}
					return nil
				}}
				h := newHouse(t, func(c *export.Config) { c.Sink, c.Parts, c.Workers, c.MaxAttempts = broken, 1, 1, 2 })
				stop := h.start()
				j := h.export(export.Request{Tenant: "acme", All: true, Format: "csv", Interval: export.Week})
				stop()
				calls = 1 << 20
				require.NoError(t, h.Sweep(context.Background()))
				require.Zero(t, inner.Unfinished())
				if j.State == export.Completed {
					m, err := h.Verify(context.Background(), "acme", j.ID)
					require.NoError(t, err)
					require.Equal(t, keysOf(m), inner.Keys())
					require.Equal(t, wantIDs(october(), "acme"), h.ids(j, m))
				} else {
					require.Equal(t, export.CodeDestinationFull, j.Error.Code)
					require.Empty(t, inner.Keys())
				}
			}
		})
	}
}

// B8, D15: a file comes by byte range, and a download is in the audit log.
func TestDownload_Ranges(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	h, j, m := archive(t, nil)
	whole, _ := h.sink.Bytes(m.Files[3].Key)
	get := func(offset, length int64) ([]byte, error) {
		f, err := h.Download(ctx, export.Download{Tenant: "acme", Job: j.ID, File: 3, Offset: offset, Length: length, Actor: "ann"})
		if err != nil {
			return nil, err
		}
		data, err := io.ReadAll(f)
		require.NoError(t, f.Close())
		return data, err
	}
	n := int64(len(whole))
	for _, r := range [][2]int64{{0, 0}, {0, 1}, {5, 10}, {n - 1, 0}, {n, 0}, {3, n}} {
		got, err := get(r[0], r[1])
		require.NoError(t, err)
		end := n
		if r[1] > 0 {
			end = min(n, r[0]+r[1])
		}
		require.True(t, bytes.Equal(whole[r[0]:end], got), "%v", r)
	}
	_, err := get(n+1, 0)
	require.Equal(t, export.CodeBadRange, refusal(t, err).Code)
	_, err = get(-1, 0)
	require.Equal(t, export.CodeBadRange, refusal(t, err).Code)
	_, err = h.Download(ctx, export.Download{Tenant: "acme", Job: j.ID, File: len(m.Files)})
	require.Equal(t, export.CodeNotFound, refusal(t, err).Code)
	require.Equal(t, 6, len(slices.DeleteFunc(h.audit("acme"), func(s string) bool { return s != "downloaded" })))
}

// B9: a file that was removed behind our back is found at the click.
func TestB9_FileRemovedBehindOurBack(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for _, own := range []bool{false, true} {
		var bucket sink.Sink
		h, j, m := archive(t, func(c *export.Config) {
			bucket = c.Sink
			c.Sink = nil
			c.Destination = func(context.Context, string, string) (export.Destination, error) {
				return export.Destination{Sink: bucket, Own: own, Keep: time.Hour}, nil
			}
		})
		require.NoError(t, h.sink.Delete(ctx, m.Files[0].Key))
		_, err := h.Download(ctx, export.Download{Tenant: "acme", Job: j.ID})
		require.Equal(t, export.CodeExpired, refusal(t, err).Code)
		j, err = h.Get(ctx, "acme", j.ID)
		require.NoError(t, err)
		require.Equal(t, export.Expired, j.State)
		require.Equal(t, own, len(h.sink.Keys()) > 0, "what is left in the tenant's own bucket stays")
	}
}
