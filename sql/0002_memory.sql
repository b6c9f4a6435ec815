-- What is learned from the talk, and the person's hold on it.

alter table messages
  add column pinned boolean not null default false,
  add column importance real not null default 0.5,
  add column recalled integer not null default 0,
  add column edited_at timestamptz,
  add column platform_message_id text,
  add column interrupted boolean not null default false,
  add column learned boolean not null default false;
comment on column messages.importance is '0..1: how much this is worth keeping in reach as it ages';
comment on column messages.recalled is 'how often it was shown to the model again';
comment on column messages.platform_message_id is 'what the platform calls it, for edits and deletions';
create index messages_unlearned on messages (user_id, character_id, message_id) where not learned;
create index messages_by_platform_id on messages (user_id, character_id, platform_message_id) where platform_message_id is not null;

create table facts (
  user_id bigint not null,
  character_id bigint not null,
  fact_id bigint not null,
  kind text not null,
  slot text not null,
  value text not null,
  text text not null,
  confidence real not null check (confidence between 0 and 1),
  shared boolean not null,
  pinned boolean not null default false,
  origin text not null check (origin in ('pattern', 'model', 'person')),
  valid_from timestamptz not null,
  superseded_at timestamptz,
  superseded_by bigint,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (user_id, character_id, fact_id),
  foreign key (user_id, character_id) references conversations on delete cascade
);
comment on column facts.slot is 'what the fact is about: one value holds at a time (name, birthday), or the value itself is part of it (likes:cheese)';
comment on column facts.shared is 'told where others heard it; such facts form a lane of their own, so that nothing private shows through';
create unique index facts_in_force on facts (user_id, character_id, slot, shared) where superseded_at is null;

create table fact_sources (
  user_id bigint not null,
  character_id bigint not null,
  fact_id bigint not null,
  message_id bigint not null,
  primary key (user_id, character_id, fact_id, message_id),
  foreign key (user_id, character_id, fact_id) references facts on delete cascade,
  foreign key (user_id, character_id, message_id) references messages on delete cascade
);
create index fact_sources_of_message on fact_sources (user_id, character_id, message_id);

create table summaries (
  user_id bigint not null,
  character_id bigint not null,
  summary_id bigint not null,
  channel text not null,
  shared boolean not null,
  first_message_id bigint not null,
  last_message_id bigint not null,
  messages integer not null,
  text text not null,
  origin text not null,
  created_at timestamptz not null default now(),
  primary key (user_id, character_id, summary_id),
  foreign key (user_id, character_id) references conversations on delete cascade
);
create index summaries_by_channel on summaries (user_id, character_id, channel, last_message_id);

-- Work to be done after a turn, by any process. A row that is locked and no longer beats is taken up again.
create table jobs (
  user_id bigint not null,
  job_id bigint not null,
  kind text not null,
  character_id bigint,
  payload jsonb not null default '{}',
  run_at timestamptz not null default now(),
  attempts integer not null default 0,
  locked_by text,
  beat_at timestamptz,
  dead_at timestamptz,
  error text,
  created_at timestamptz not null default now(),
  primary key (user_id, job_id)
);
comment on column jobs.user_id is 'whose data the job works on; 0 for the service itself';
create index jobs_due on jobs (run_at) where dead_at is null;
-- One waiting job of a kind for one person and character: what comes in meanwhile is done along with it.
create unique index jobs_once on jobs (user_id, kind, coalesce(character_id, 0)) where dead_at is null and locked_by is null;

create table link_codes (
  code_sha256 bytea primary key,
  platform text not null,
  platform_user_id text not null,
  expires_at timestamptz not null
);
