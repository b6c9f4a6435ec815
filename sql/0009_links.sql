-- One person on several platforms, joined and split again.

alter table messages add column moved_from bigint;
comment on column messages.moved_from is 'the person that brought it along when two were joined: goes back with them';
alter table facts add column moved_from bigint;
alter table summaries add column moved_from bigint;

create table links (
  user_id bigint not null references users on delete cascade,
  moved_from bigint not null,
  platform text not null,
  platform_user_id text not null,
  display_name text not null,
  time_zone text not null,
  relationships jsonb not null,
  linked_at timestamptz not null default now(),
  primary key (user_id, moved_from)
);
comment on table links is 'people who were joined to another: who they were before, to be split off again';
comment on column links.relationships is 'rows of relationships as they stood before';
