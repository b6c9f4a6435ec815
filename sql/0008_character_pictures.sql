-- Pictures and files of characters, and who saved which version.

-- `side` 0 is the picture as it is kept; the others are squares of that many pixels, made once when it was saved.
create table character_pictures (
  character_id bigint not null references characters on delete cascade,
  side integer not null,
  media_type text not null,
  data bytea not null,
  sha256 bytea not null,
  primary key (character_id, side)
);
-- Pictures are packed already.
alter table character_pictures alter column data set storage external;

-- Files that came embedded in a card: further pictures, sounds, scripts. They leave again when it is exported.
create table character_files (
  character_id bigint not null references characters on delete cascade,
  path text not null,
  data bytea not null,
  primary key (character_id, path)
);
alter table character_files alter column data set storage external;

alter table character_versions add column saved_by text not null default '';
comment on column character_versions.saved_by is 'the key that it was saved with, as in api_keys.prefix; empty when no key was needed';
