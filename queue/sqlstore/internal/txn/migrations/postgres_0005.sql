-- The audit log of a tenant is a chain, if the store has keys. Only entries of kind
-- 'audit' have links.

alter table exportyard_entry
	add column chain_number bigint not null default 0, -- 0: no link
	add column chain_key text collate "C" not null default '',
	add column chain_mac bytea;

alter table exportyard_tenant
	add column chain_since bigint not null default 0,  -- seq of the last entry before the chain
	add column chain_number bigint not null default 0, -- of the last link
	add column chain_mac bytea,
	add column chain_key text collate "C" not null default '',
	add column chain_seal bytea;
