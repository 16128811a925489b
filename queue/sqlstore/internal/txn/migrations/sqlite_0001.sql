-- Times are whole microseconds since 1970 in UTC; null means none.

create table exportyard_tenant (
	tenant  text not null primary key,
	jobs    integer not null, -- how many jobs were created: the last one's seq
	entries integer not null  -- how many entries were appended: the last one's seq
);

create table exportyard_job (
	ord             integer primary key, -- the order of creation over all tenants
	id              text not null unique,
	tenant          text not null,
	seq             integer not null,    -- the order of creation within the tenant
	kind            text not null,
	slot            text not null,
	actor           text not null,
	idempotency_key text not null,
	fingerprint     text not null,
	retry_of        text not null,
	request_version integer not null,
	request         blob,
	state           text not null,
	reason_version  integer not null,
	reason          blob,
	result_version  integer not null,
	result          blob,
	parts           integer not null,
	parts_sealed    integer not null,
	rows_planned    integer not null,
	sealed_rows     integer not null,    -- of the sealed rows parts
	sealed_bytes    integer not null,
	crashes         integer not null,
	cleanings       integer not null,
	version         integer not null,
	claimed         integer not null,    -- number of the last claim; 0 before the first
	created_at      integer not null,
	started_at      integer,
	finished_at     integer,
	deadline_at     integer,
	expires_at      integer,
	clean_at        integer
);

create unique index exportyard_job_list on exportyard_job (tenant, seq);
create unique index exportyard_job_slot on exportyard_job (slot) where state in ('pending', 'running');
create unique index exportyard_job_key on exportyard_job (tenant, idempotency_key) where idempotency_key <> '';
create index exportyard_job_rotation on exportyard_job (claimed, ord) where state in ('pending', 'running');
create index exportyard_job_deadline on exportyard_job (deadline_at) where deadline_at is not null and state in ('pending', 'running');
create index exportyard_job_expiry on exportyard_job (expires_at) where expires_at is not null and state = 'completed';
create index exportyard_job_cleaning on exportyard_job (clean_at) where clean_at is not null;

create table exportyard_part (
	ord             integer primary key,
	job             integer not null references exportyard_job (ord),
	number          integer not null,
	kind            text not null,
	payload_version integer not null,
	payload         blob,
	state           text not null,
	fence           integer not null default 0,
	holder          text not null default '',
	lease_until     integer,
	not_before      integer,
	alone           integer not null default 0,
	suspect         integer not null default 0,
	failures        integer not null default 0,
	row_count       integer not null default 0,
	byte_count      integer not null default 0,
	receipt_version integer not null default 0,
	receipt         blob,
	reason_version  integer not null default 0,
	reason          blob
);

create unique index exportyard_part_number on exportyard_part (job, number);
create index exportyard_part_ready on exportyard_part (job, suspect, number) where state = 'ready';
create index exportyard_part_suspect on exportyard_part (job) where state = 'ready' and suspect = 1;
create index exportyard_part_lease on exportyard_part (lease_until) where state = 'leased';
create index exportyard_part_leased on exportyard_part (job) where state = 'leased';

create table exportyard_entry (
	id           text not null primary key,
	tenant       text not null,
	kind         text not null,
	seq          integer not null,
	job          text not null,
	type         text not null,
	actor        text not null,
	data_version integer not null,
	data         blob,
	at           integer not null
);

create unique index exportyard_entry_order on exportyard_entry (tenant, kind, seq);
