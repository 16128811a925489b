-- Operators ask over all tenants: which jobs are active, stuck, or awaited by a run.

alter table exportyard_job add column claimed_at bigint; -- when a part was last claimed, before that when the job was created
update exportyard_job set claimed_at = coalesce(started_at, created_at) where state in ('pending', 'running');

drop index exportyard_job_deadline;
create index exportyard_job_deadline on exportyard_job (deadline_at, ord) where deadline_at is not null and state in ('pending', 'running');
create index exportyard_job_active on exportyard_job (ord) where state in ('pending', 'running');
create index exportyard_job_pending on exportyard_job (created_at) where state = 'pending';
create index exportyard_job_idle on exportyard_job (claimed_at, ord) where state in ('pending', 'running') and ready = 1;
create index exportyard_run_job on exportyard_run (job) where outcome = 'started';
