-- Schedules, and a run for each of their ticks that is gone by.

create table exportyard_schedule (
	ord              integer primary key,
	tenant           text not null, -- empty for the platform's
	id               text not null,
	owner            text not null,
	follows          text not null,
	followed         integer not null,
	settings_version integer not null,
	settings         blob,
	state            text not null,
	reason_version   integer not null,
	reason           blob,
	next_tick        integer,
	due_at           integer,
	last_tick        integer,
	failures         integer not null,
	runs             integer not null,
	version          integer not null,
	created_at       integer not null
);

create unique index exportyard_schedule_id on exportyard_schedule (tenant, id);
create index exportyard_schedule_due on exportyard_schedule (due_at) where due_at is not null;
create index exportyard_schedule_follower on exportyard_schedule (follows, followed) where follows <> '' and state = 'active';

create table exportyard_run (
	ord            integer primary key,
	schedule       integer not null references exportyard_schedule (ord),
	number         integer not null,
	nominal        integer not null,
	since          integer,
	manual         integer not null,
	actor          text not null,
	outcome        text not null,
	job            text not null,
	reason_version integer not null,
	reason         blob,
	at             integer not null,
	ended_at       integer
);

create unique index exportyard_run_number on exportyard_run (schedule, number);
create index exportyard_run_open on exportyard_run (ord) where outcome = 'started';
