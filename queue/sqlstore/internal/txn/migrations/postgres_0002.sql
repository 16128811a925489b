-- Schedules, and a run for each of their ticks that is gone by.

create table exportyard_schedule (
	ord              bigint generated always as identity primary key,
	tenant           text collate "C" not null, -- empty for the platform's
	id               text collate "C" not null,
	owner            text collate "C" not null,
	follows          text collate "C" not null,
	followed         bigint not null,
	settings_version bigint not null,
	settings         bytea,
	state            text collate "C" not null,
	reason_version   bigint not null,
	reason           bytea,
	next_tick        bigint,
	due_at           bigint,
	last_tick        bigint,
	failures         bigint not null,
	runs             bigint not null,
	version          bigint not null,
	created_at       bigint not null
);

create unique index exportyard_schedule_id on exportyard_schedule (tenant, id);
create index exportyard_schedule_due on exportyard_schedule (due_at) where due_at is not null;
create index exportyard_schedule_follower on exportyard_schedule (follows, followed) where follows <> '' and state = 'active';

create table exportyard_run (
	ord            bigint generated always as identity primary key,
	schedule       bigint not null,
	number         bigint not null,
	nominal        bigint not null,
	since          bigint,
	manual         bigint not null,
	actor          text collate "C" not null,
	outcome        text collate "C" not null,
	job            text collate "C" not null,
	reason_version bigint not null,
	reason         bytea,
	at             bigint not null,
	ended_at       bigint
);

create unique index exportyard_run_number on exportyard_run (schedule, number);
create index exportyard_run_open on exportyard_run (ord) where outcome = 'started';
