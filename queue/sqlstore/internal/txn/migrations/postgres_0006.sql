-- Tenants take turns, and have limits for the parts that are in flight.

alter table exportyard_tenant
	add column claimed bigint not null default 0, -- number of its last claim; 0 before the first
	add column waiting bigint not null default 0; -- 1: an active job of its may have something to give
alter table exportyard_part add column tenant text collate "C" not null default ''; -- that of the job

-- Only the parts of jobs that were active then have a tenant, or newer ones.
update exportyard_part set tenant = (select j.tenant from exportyard_job j where j.ord = exportyard_part.job) where state = 'ready';
update exportyard_part set tenant = (select j.tenant from exportyard_job j where j.ord = exportyard_part.job) where state = 'leased';
update exportyard_tenant set waiting = 1, claimed = (select max(j.claimed) from exportyard_job j
		where j.tenant = exportyard_tenant.tenant and j.state in ('pending', 'running'))
	where tenant in (select j.tenant from exportyard_job j where j.state in ('pending', 'running'));

drop index exportyard_job_rotation;
drop index exportyard_job_turn;
create index exportyard_job_rotation on exportyard_job (tenant, claimed, ord) where state in ('pending', 'running') and ready = 1;
create index exportyard_tenant_rotation on exportyard_tenant (claimed, tenant) where waiting = 1;
create index exportyard_tenant_turn on exportyard_tenant (claimed);
create index exportyard_part_in_flight on exportyard_part (tenant) where state = 'leased';

-- One row: who keeps a limit for all tenants locks it.
create table exportyard_fleet (one bigint not null primary key);
insert into exportyard_fleet values (1);
