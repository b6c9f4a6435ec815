-- Who may call, how often, and who may not.

create table api_keys (
  key_id bigint primary key,
  prefix text not null unique,
  sha256 bytea not null,
  name text not null,
  scope text not null check (scope in ('chat', 'admin')),
  person text,
  character text,
  created_at timestamptz not null default now(),
  last_used_at timestamptz,
  revoked_at timestamptz
);
comment on column api_keys.prefix is 'beginning of the key: what it is found and shown by';
comment on column api_keys.sha256 is 'of the whole key, which is not kept';
comment on column api_keys.person is 'the only user_id that the key may speak for';
comment on column api_keys.character is 'the only character that the key may speak with';

create table sessions (
  sha256 bytea primary key,
  key_id bigint references api_keys on delete cascade,
  expires_at timestamptz not null
);
comment on table sessions is 'browsers that showed an admin key; key_id is null for the key of the environment';

create table bans (
  platform text not null,
  platform_user_id text not null,
  reason text not null default '',
  banned_by text not null default '',
  banned_at timestamptz not null default now(),
  primary key (platform, platform_user_id)
);

-- Unlogged: a count is not worth a flush to disk, and a crash may forget it.
create unlogged table turn_counts (
  subject text not null,
  seconds integer not null,
  starts timestamptz not null,
  turns integer not null,
  primary key (subject, seconds, starts)
);
create index turn_counts_by_start on turn_counts (starts);
comment on table turn_counts is 'turns of a key, person or address in a window of so many seconds';

create unlogged table open_streams (
  subject text not null,
  stream_id bigint not null,
  expires_at timestamptz not null,
  primary key (subject, stream_id)
);
