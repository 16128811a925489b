-- Times are whole microseconds since 1970 in UTC; null means none. Texts compare by
-- their bytes.

create table exportyard_tenant (
	tenant  text collate "C" not null primary key,
	jobs    bigint not null, -- how many jobs were created: the last one's seq
	entries bigint not null  -- how many entries were appended: the last one's seq
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);

create table exportyard_job (
	ord             bigint generated always as identity primary key, -- the order of creation over all tenants
	id              text collate "C" not null unique,
	tenant          text collate "C" not null,
	seq             bigint not null,     -- the order of creation within the tenant
	kind            text collate "C" not null,
	slot            text collate "C" not null,
	actor           text collate "C" not null,
	idempotency_key text collate "C" not null,
	fingerprint     text collate "C" not null,
	retry_of        text collate "C" not null,
	request_version bigint not null,
	request         bytea,
	state           text collate "C" not null,
	reason_version  bigint not null,
	reason          bytea,
	result_version  bigint not null,
	result          bytea,
	parts           bigint not null,
	parts_sealed    bigint not null,
	rows_planned    bigint not null,
	sealed_rows     bigint not null,     -- of the sealed rows parts
	sealed_bytes    bigint not null,
	crashes         bigint not null,
	cleanings       bigint not null,
	version         bigint not null,
	claimed         bigint not null,     -- number of the last claim; 0 before the first
	ready           bigint not null default 0, -- 1: a part that is no suspect is ready
	created_at      bigint not null,
	started_at      bigint,
	finished_at     bigint,
	deadline_at     bigint,
	expires_at      bigint,
	clean_at        bigint
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);

create index exportyard_job_state on exportyard_job (tenant, state, seq);
create index exportyard_job_kind on exportyard_job (tenant, kind, seq);
create index exportyard_job_actor on exportyard_job (tenant, actor, seq);
create unique index exportyard_job_slot on exportyard_job (slot) where state in ('pending', 'running');
create unique index exportyard_job_key on exportyard_job (tenant, idempotency_key) where idempotency_key <> '';
create index exportyard_job_rotation on exportyard_job (claimed, ord) where state in ('pending', 'running') and ready = 1;
create index exportyard_job_turn on exportyard_job (claimed desc) where state in ('pending', 'running');
create index exportyard_job_deadline on exportyard_job (deadline_at) where deadline_at is not null and state in ('pending', 'running');
create index exportyard_job_expiry on exportyard_job (expires_at) where expires_at is not null and state = 'completed';
create index exportyard_job_cleaning on exportyard_job (clean_at) where clean_at is not null;

-- Parts come and go with their job, in one transaction: a foreign key would only
-- ask again, once for each part.
create table exportyard_part (
	job             bigint not null,
	number          bigint not null,
	kind            text collate "C" not null,
	payload_version bigint not null,
	payload         bytea,
	state           text collate "C" not null,
	fence           bigint not null default 0,
	holder          text collate "C" not null default '',
	lease_until     bigint,
	not_before      bigint,
	alone           bigint not null default 0,
	suspect         bigint not null default 0,
	failures        bigint not null default 0,
	row_count       bigint not null default 0,
	byte_count      bigint not null default 0,
	receipt_version bigint not null default 0,
	receipt         bytea,
	reason_version  bigint not null default 0,
	reason          bytea,
	primary key (job, number)
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);

create index exportyard_part_ready on exportyard_part (job, suspect, number) where state = 'ready';
create index exportyard_part_suspect on exportyard_part (job) where state = 'ready' and suspect = 1;
create index exportyard_part_lease on exportyard_part (lease_until) where state = 'leased';
create index exportyard_part_leased on exportyard_part (job) where state = 'leased';

create table exportyard_entry (
	id           text collate "C" not null primary key,
	tenant       text collate "C" not null,
	kind         text collate "C" not null,
	seq          bigint not null,
	job          text collate "C" not null,
	type         text collate "C" not null,
	actor        text collate "C" not null,
	data_version bigint not null,
	data         bytea,
	at           bigint not null
);

create unique index exportyard_entry_order on exportyard_entry (tenant, kind, seq);
