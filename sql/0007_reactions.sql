-- What people thought of an answer: the emoji they put to it.
create table reactions (
  user_id bigint not null,
  character_id bigint not null,
  message_id bigint not null,
  emoji text not null,
  valence real not null,
  at timestamptz not null default now(),
  primary key (user_id, character_id, message_id, emoji),
  foreign key (user_id, character_id, message_id) references messages on delete cascade
);
comment on column reactions.message_id is 'the character''s answer';
comment on column reactions.valence is '-1 (bad) to 1 (good), 0 where the emoji says neither';
