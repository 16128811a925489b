package sqlstore

import (
	"context"
	"fmt"

	"github.com/exportyard/exportyard/queue/chain"
	"github.com/exportyard/exportyard/queue/sqlstore/internal/table"
)

var _ chain.Store = (*Store)(nil)

// AuditChain returns the tenant's audit entries with their links.
func (s *Store) AuditChain(ctx context.Context, tenant string, after int64, limit int) (page chain.Page, err error) {
	err = s.read(ctx, func(tx *table.Tx) error {
		page, err = tx.Chain(ctx, tenant, after, limit)
		return err
	})
	if err != nil {
		return chain.Page{}, fmt.Errorf("sqlstore: audit chain: %w", err)
	}
	return page, nil
}

// VerifyAudit proves the tenant's audit log with the store's keys.
func (s *Store) VerifyAudit(ctx context.Context, tenant string, known ...chain.Head) (chain.Head, error) {
	return s.keys.Verify(ctx, s, tenant, known...)
}
