package chain

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"slices"

	"github.com/exportyard/exportyard/queue"
)

// A Link is what a store keeps beside an audit entry. That of an entry without one is the
// zero Link.
type Link struct {
	// Number counts the links of the tenant, from 1.
	Number int64
	// Key is the id of the key that made it.
	Key string
	// MAC is the hash: 32 bytes.
	MAC []byte
}

// A Head says where a tenant's chain ends. That of a tenant without a chain has the
// number 0.
type Head struct {
	Tenant string
	// Since is the number, Seq, up to which entries were there before the chain began.
	Since int64
	// Number and MAC are those of the last link.
	Number int64
	MAC    []byte
	// Key is the id of the key that made the Seal, which proves the head.
	Key  string
	Seal []byte
}

// Extend links the entries of one change to the chain that ends at the head. They are all
// of the head's tenant, in order, and have their number and time. It returns a link for
// each, the zero Link for one that is not of kind audit, and the head after them. Nil keys
// make no links.
//
// Extend returns an error that wraps [ErrNoKeys] for nil keys on a tenant that has a
// chain, and one that wraps [ErrUnknownKey] when it cannot tell whether the head is one
// that was written.
func (k *Keys) Extend(head Head, entries []queue.Entry) ([]Link, Head, error) {
	links := make([]Link, len(entries))
	isAudit := func(e queue.Entry) bool { return e.Kind == queue.Audit }
	switch {
	case !slices.ContainsFunc(entries, isAudit), k == nil && head.Number == 0:
		return links, head, nil
	case k == nil:
		return nil, head, fmt.Errorf("chain: append to the audit log of tenant %q: %w", head.Tenant, ErrNoKeys)
	}
	intact := true
	if head.Number == 0 {
		head = Head{Tenant: head.Tenant, Since: entries[0].Seq - 1}
	} else {
		sealer, ok := k.find(head.Key)
		if !ok {
			return nil, head, fmt.Errorf("chain: the head of tenant %q was sealed with key %q: %w", head.Tenant, head.Key, ErrUnknownKey)
		}
		intact = hmac.Equal(sealer.seal(head), head.Seal)
	}
	by := k.list[0]
	for i, e := range entries {
		if !isAudit(e) {
			continue
		}
		head.MAC = by.link(head, e)
		head.Number++
		links[i] = Link{Number: head.Number, Key: by.ID, MAC: head.MAC}
	}
	if intact {
		head.Key, head.Seal = by.ID, by.seal(head)
	}
	return links, head, nil
}

// link returns the hash of the entry that follows the head.
func (k Key) link(head Head, e queue.Entry) []byte {
	d := k.digest("exportyard audit entry 1")
	d.text(head.Tenant)
	d.number(head.Since)
	d.number(head.Number + 1)
	d.bytes(head.MAC)
	d.text(e.ID)
	d.text(string(e.Kind))
	d.text(e.Tenant)
	d.text(e.Job)
	d.text(e.Type)
	d.text(e.Actor)
	d.number(int64(e.Data.Version))
	d.bytes(e.Data.Data)
	d.number(e.At.UnixMicro())
	d.number(e.Seq)
	return d.Sum(nil)
}

// seal returns the hash of a head.
func (k Key) seal(head Head) []byte {
	d := k.digest("exportyard audit head 1")
	d.text(head.Tenant)
	d.number(head.Since)
	d.number(head.Number)
	d.bytes(head.MAC)
	return d.Sum(nil)
}

// A digest hashes fields, each with its length before it, so that none runs into the next.
type digest struct{ hash.Hash }

// digest begins a hash for one purpose. The key's id is part of it.
func (k Key) digest(purpose string) digest {
	d := digest{hmac.New(sha256.New, k.Secret)}
	d.text(purpose)
	d.text(k.ID)
	return d
}

func (d digest) text(s string) { d.bytes([]byte(s)) }

func (d digest) number(n int64) { d.bytes(binary.BigEndian.AppendUint64(nil, uint64(n))) }

func (d digest) bytes(b []byte) {
	// A hash takes everything and never fails.
	_, _ = d.Write(binary.BigEndian.AppendUint64(nil, uint64(len(b))))
	_, _ = d.Write(b)
}
