-- A job can be on hold, and is told of before it expires.

alter table exportyard_job add column held integer not null default 0; -- 1: what it stored stays
alter table exportyard_job add column notice_at integer;

drop index exportyard_job_expiry;
drop index exportyard_job_cleaning;
create index exportyard_job_expiry on exportyard_job (expires_at) where expires_at is not null and state = 'completed' and held = 0;
create index exportyard_job_cleaning on exportyard_job (clean_at) where clean_at is not null and held = 0;
create index exportyard_job_notice on exportyard_job (notice_at) where notice_at is not null and state = 'completed' and held = 0;
