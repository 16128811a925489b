package chain_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/exportyard/exportyard/queue"
	"github.com/exportyard/exportyard/queue/chain"
)

func Example() {
	ctx := context.Background()
	keys, err := chain.NewKeys(chain.Key{ID: "2026", Secret: bytes.Repeat([]byte("secret"), 6)})
	fmt.Println(err)

	// A store appends three entries.
	entries := []queue.Entry{
		{ID: "e-1", Kind: queue.Audit, Tenant: "acme", Type: "export.requested", Actor: "ann", Seq: 1},
		{ID: "e-2", Kind: queue.Audit, Tenant: "acme", Type: "export.downloaded", Actor: "bob", Seq: 2},
		{ID: "e-3", Kind: queue.Audit, Tenant: "acme", Type: "export.deleted", Actor: "ann", Seq: 3},
	}
	links, head, err := keys.Extend(chain.Head{Tenant: "acme"}, entries)
	fmt.Println(head.Number, err)
	kept := &log{head: head}
	for i, e := range entries {
		kept.rows = append(kept.rows, chain.Entry{Entry: e, Link: links[i]})
	}
	proved, err := keys.Verify(ctx, kept, "acme")
	fmt.Println(proved.Number, err)

	// Somebody who can write to its database would rather not have been there.
	kept.rows[1].Actor = "eve"
	_, err = keys.Verify(ctx, kept, "acme")
	var broken *chain.BrokenError
	if errors.As(err, &broken) {
		fmt.Println(broken.Fault, broken.Number, broken.Entry)
	}
	// Output:
	// <nil>
	// 3 <nil>
	// 3 <nil>
	// edited 2 e-2
}
