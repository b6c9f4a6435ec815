-- What the Discord bots keep. No words of anybody: ids, places and sessions.

-- One row for each shard of each bot: who runs it, until when, and what its session needs to be resumed.
create table discord_shards (
  bot_id bigint not null,
  shard integer not null,
  shard_count integer not null,
  holder uuid,
  held_until timestamptz not null default '-infinity',
  session_id text,
  resume_url text,
  seq bigint,
  saved_at timestamptz,
  primary key (bot_id, shard)
);
comment on column discord_shards.holder is 'the process that runs the shard as long as held_until lies ahead';
comment on column discord_shards.seq is 'number of the last event that was dealt with: a later process resumes from here';

-- Processes that can run shards: the shards are shared evenly among them.
create table discord_processes (
  process_id uuid primary key,
  seen_at timestamptz not null default now()
);

-- Five seconds between two IDENTIFYs of one bot, and a thousand a day, over all processes.
create table discord_identifies (
  bot_id bigint not null,
  bucket integer not null,
  free_at timestamptz not null,
  last_at timestamptz,
  used integer not null default 0,
  counted_since timestamptz not null default now(),
  primary key (bot_id, bucket)
);

-- Which messages of Discord are the answer to which: nothing is answered twice, and edits, deletions and reactions find their turn.
create table discord_answers (
  bot_id bigint not null,
  message_id bigint not null,
  channel_id bigint not null,
  author_id bigint not null,
  character text not null,
  answer_ids bigint[] not null,
  answered_at timestamptz not null default now(),
  primary key (bot_id, message_id)
);
comment on column discord_answers.author_id is 'Discord''s id of the person: erasing a person deletes by it';
create index discord_answers_by_answer on discord_answers using gin (answer_ids);
create index discord_answers_by_author on discord_answers (author_id);

-- What administrators and people chose: for a server, a channel or a person.
create table discord_places (
  bot_id bigint not null,
  kind text not null check (kind in ('guild', 'channel', 'person')),
  place_id bigint not null,
  mode text check (mode in ('mention', 'name', 'all', 'off')),
  character text,
  slow_seconds integer,
  changed_at timestamptz not null default now(),
  primary key (bot_id, kind, place_id)
);
