// Package rowsum proves that an export has lost, doubled and changed no row. It adds
// up the rows of a dataset, read from the source, and those of the export's files,
// read by readers that share nothing with the formats that wrote them. The two sums
// are equal exactly when both have the same rows, in whatever order.
package rowsum

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/bits"

	"github.com/exportyard/exportyard/export/manifest"
	"github.com/exportyard/exportyard/source"
)

// A Sum is of any number of rows: their count, and the sum of the SHA-256 of each
// row, modulo 2^256. It does not depend on the order. Sums are compared with ==.
type Sum struct {
	Rows int64
	Hash [4]uint64
}

// add adds a row in its canonical form, see [cells].
func (s *Sum) add(row cells) {
	s.Rows++
	sum := sha256.Sum256(row)
	var carry uint64
	for i := range s.Hash {
		s.Hash[i], carry = bits.Add64(s.Hash[i], binary.LittleEndian.Uint64(sum[8*i:]), carry)
	}
}

// cells are the texts of a row's cells, each behind its length plus one; a null is
// a zero.
type cells []byte

func (c cells) text(text []byte) cells {
	return append(binary.AppendUvarint(c, uint64(len(text))+1), text...)
}

func (c cells) null() cells { return append(c, 0) }

// cell appends a text of a column of that kind. Files cannot tell a null from
// the JSON value of that name.
func (c cells) cell(kind source.Kind, text []byte) cells {
	if kind == source.JSON && string(text) == "null" {
		return c.null()
	}
	return c.text(text)
}

// Source reads the rows that a manifest says it has from the source, and adds
// them up for each dataset.
func Source(ctx context.Context, src source.Source, m *manifest.Manifest) (map[string]Sum, error) {
	out := make(map[string]Sum)
	for _, d := range m.Datasets {
		if d.Skipped != "" {
			continue
		}
		q := source.Query{Tenant: m.Tenant, Dataset: d.Name, From: m.From, To: m.To}
		for _, f := range d.Schema {
			q.Columns = append(q.Columns, f.Name)
		}
		var sum Sum
		var row cells
		var text []byte
		err := source.Each(ctx, src, q, func(b *source.Batch) error {
			for i := range b.Len() {
				row = row[:0]
				for col := range d.Schema {
					if v := b.Col(col); v.Null(i) {
						row = row.null()
					} else {
						text = source.AppendText(text[:0], v, i)
						row = row.cell(v.Kind(), text)
					}
				}
				sum.add(row)
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("read dataset %q: %w", d.Name, err)
		}
		out[d.Name] = sum
	}
	return out, nil
}
