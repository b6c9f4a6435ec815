alter table relationships add column state jsonb not null default '{}';
comment on column relationships.state is
  'how the character is towards this person: mood, entries of its lorebook in use, what it brought up. Under private '
  'and under shared, because what was said in private must not show in front of others';
