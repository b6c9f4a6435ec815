-- Characters, people, and what they say to each other.
-- A person's tables begin every key with user_id: the same schema then distributes by user_id without changing a statement.

create extension if not exists vector;

create table characters (
  id bigint primary key,
  name text not null unique,
  definition jsonb not null,
  version integer not null default 1,
  builtin_sha256 bytea,
  archived_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
comment on column characters.name is 'slug: the name in URLs and settings';
comment on column characters.builtin_sha256 is 'hash of the shipped document that this is an unedited copy of; null once a person wrote it';

create table character_versions (
  character_id bigint not null references characters on delete cascade,
  version integer not null,
  definition jsonb not null,
  note text not null default '',
  saved_at timestamptz not null default now(),
  primary key (character_id, version)
);

create table users (
  user_id bigint primary key,
  display_name text not null default '',
  time_zone text not null default 'UTC',
  created_at timestamptz not null default now()
);

-- Found by what a platform calls the person, not by user_id, so it refers to users without a foreign key.
create table identities (
  platform text not null,
  platform_user_id text not null,
  user_id bigint not null,
  created_at timestamptz not null default now(),
  primary key (platform, platform_user_id)
);
create index identities_of_user on identities (user_id);

-- The standing state of one person with one character: totals that BM25 needs and the number of the present session.
create table conversations (
  user_id bigint not null references users on delete cascade,
  character_id bigint not null references characters on delete cascade,
  messages bigint not null default 0,
  terms bigint not null default 0,
  session integer not null default 1,
  place integer not null default 0,
  last_at timestamptz not null default now(),
  primary key (user_id, character_id)
);
comment on column conversations.session is 'number of the present sitting: after a pause of hours the next begins';
comment on column conversations.place is 'number of the last message within it';

create table messages (
  user_id bigint not null,
  character_id bigint not null,
  message_id bigint not null,
  role text not null check (role in ('person', 'character')),
  channel text not null,
  shared boolean not null,
  session integer not null,
  place integer not null,
  said_at timestamptz not null,
  about_from timestamptz,
  about_to timestamptz,
  content text not null,
  reply_to bigint,
  request_key text,
  model text,
  emotion real[],
  feeling text,
  intensity real,
  terms tsvector not null,
  term_count integer not null,
  pending boolean not null default false,
  primary key (user_id, character_id, message_id),
  foreign key (user_id, character_id) references conversations on delete cascade
) with (fillfactor = 85, autovacuum_analyze_threshold = 100, autovacuum_analyze_scale_factor = 0.05);
comment on column messages.message_id is 'ordered by said_at: the time is its upper 41 bits';
comment on column messages.reply_to is 'of an answer: the message that it answers';
comment on column messages.request_key is 'the caller''s name for the request: the same key is the same message';
comment on column messages.emotion is 'probabilities of the 28 GoEmotions labels, in their order';
comment on column messages.about_from is 'begin of the time that the message speaks of ("last week"), when it names one';
comment on column messages.pending is 'waits for its embedding';

create unique index messages_by_request on messages (user_id, character_id, request_key) where request_key is not null;
create unique index messages_one_answer on messages (user_id, character_id, reply_to) where reply_to is not null;
create index messages_by_channel on messages (user_id, character_id, channel, message_id);
create index messages_by_place on messages (user_id, character_id, session, place);
create index messages_pending on messages (message_id) where pending;

-- Terms hashed together with their owner: one GIN index whose posting lists belong to one person each.
create function owned_terms(user_id bigint, character_id bigint, lexemes text[]) returns bigint[]
  language sql immutable parallel safe
  as $$ select coalesce(array_agg(hashtextextended(user_id || ':' || character_id || ':' || lexeme, 0)), '{}') from unnest(lexemes) lexeme $$;
-- Without fastupdate: every search would read the whole list of what was not yet sorted in.
create index messages_by_term on messages using gin (owned_terms(user_id, character_id, tsvector_to_array(terms)))
  with (fastupdate = off);

create table embedding_models (
  model_id smallint generated always as identity primary key,
  name text not null unique,
  dimensions integer not null
);

-- Vectors of different models never meet: the model is part of the key. The key's index carries a one-bit sketch of each vector, so that
-- a person's memories are searched without touching the table.
create table embeddings (
  user_id bigint not null,
  character_id bigint not null,
  model_id smallint not null references embedding_models,
  message_id bigint not null,
  shared boolean not null,
  embedding halfvec not null,
  sketch bit varying not null generated always as (binary_quantize(embedding)) stored,
  primary key (user_id, character_id, message_id, model_id) include (shared, sketch),
  foreign key (user_id, character_id, message_id) references messages on delete cascade
) with (
  autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_analyze_threshold = 100, autovacuum_analyze_scale_factor = 0.05
);

create table relationships (
  user_id bigint not null,
  character_id bigint not null,
  trust real not null default 0.5,
  affection real not null default 0.4,
  attunement real not null default 0.3,
  interactions bigint not null default 0,
  first_at timestamptz not null default now(),
  last_at timestamptz not null default now(),
  primary key (user_id, character_id),
  foreign key (user_id, character_id) references conversations on delete cascade
);

create table relationship_events (
  user_id bigint not null,
  character_id bigint not null,
  message_id bigint not null,
  trust real not null,
  affection real not null,
  attunement real not null,
  reason text not null,
  at timestamptz not null default now(),
  primary key (user_id, character_id, message_id),
  foreign key (user_id, character_id) references relationships on delete cascade
);
comment on table relationship_events is 'what each turn changed: steps, not totals';
