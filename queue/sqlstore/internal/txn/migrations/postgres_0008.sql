-- Audit entries are handed on to a log of the host's, tenant by tenant. All that were
-- written before are, too.

alter table exportyard_tenant
	add column feed_taken bigint not null default 0, -- seq of the last entry that was taken
	add column feed_attempt bigint not null default 0,
	add column feed_due bigint; -- null when every entry was taken

update exportyard_tenant set feed_due = 0 where exists (select 1 from exportyard_entry e
	where e.tenant = exportyard_tenant.tenant and e.kind = 'audit');

create index exportyard_tenant_feed on exportyard_tenant (feed_due) where feed_due is not null;
