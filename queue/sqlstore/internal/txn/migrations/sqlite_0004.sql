-- Events of the outbox are delivered, and read by people. Only entries of kind
-- 'outbox' use these columns; a new one is due at once.

alter table exportyard_entry add column delivery text not null default ''; -- '' until it is settled
alter table exportyard_entry add column attempt integer not null default 0;
alter table exportyard_entry add column due_at integer not null default 0;
alter table exportyard_entry add column progress_version integer not null default 0;
alter table exportyard_entry add column progress blob;
alter table exportyard_entry add column read_at integer;

create index exportyard_entry_due on exportyard_entry (due_at, at) where kind = 'outbox' and delivery = '';
create index exportyard_entry_unsettled on exportyard_entry (at) where kind = 'outbox' and delivery = '';
create index exportyard_entry_inbox on exportyard_entry (tenant, actor, seq) where kind = 'outbox';
create index exportyard_entry_unread on exportyard_entry (tenant, actor, seq) where kind = 'outbox' and read_at is null;
create index exportyard_entry_unread_all on exportyard_entry (tenant, seq) where kind = 'outbox' and read_at is null;
