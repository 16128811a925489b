-- The audit log of a tenant is a chain, if the store has keys. Only entries of kind
-- 'audit' have links.

alter table exportyard_entry add column chain_number integer not null default 0; -- 0: no link
alter table exportyard_entry add column chain_key text not null default '';
alter table exportyard_entry add column chain_mac blob;

alter table exportyard_tenant add column chain_since integer not null default 0; -- seq of the last entry before the chain
alter table exportyard_tenant add column chain_number integer not null default 0; -- of the last link
alter table exportyard_tenant add column chain_mac blob;
alter table exportyard_tenant add column chain_key text not null default '';
alter table exportyard_tenant add column chain_seal blob;
