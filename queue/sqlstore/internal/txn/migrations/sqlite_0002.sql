-- A claim looks only at jobs that have something to give, and a list only at jobs
-- that it shows.

alter table exportyard_job add column ready integer not null default 0; -- 1: a part that is no suspect is ready

update exportyard_job set ready = 1 where exists (select 1 from exportyard_part p
	where p.job = exportyard_job.ord and p.state = 'ready' and p.suspect = 0
	and (p.kind <> 'seal' or exportyard_job.parts_sealed = exportyard_job.parts - 1));

drop index exportyard_job_rotation;
create index exportyard_job_rotation on exportyard_job (claimed, ord) where state in ('pending', 'running') and ready = 1;
create index exportyard_job_turn on exportyard_job (claimed desc) where state in ('pending', 'running');

drop index exportyard_job_list;
create index exportyard_job_state on exportyard_job (tenant, state, seq);
create index exportyard_job_kind on exportyard_job (tenant, kind, seq);
create index exportyard_job_actor on exportyard_job (tenant, actor, seq);
