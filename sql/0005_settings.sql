-- What is set while the service runs and who set it; what the models cost; how a turn is counted.

create table settings (
  key text primary key,
  value text,
  sealed bytea,
  check ((value is null) <> (sealed is null))
);
comment on column settings.value is 'as the environment would write it';
comment on column settings.sealed is 'AES-GCM of the same: version, nonce, ciphertext; the key of the row is authenticated with it';

create table settings_audit (
  entry_id bigint primary key,
  at timestamptz not null default now(),
  by text not null,
  key text not null,
  before text,
  after text
);
comment on table settings_audit is 'every change; of secrets only whether they were set';

create table usage (
  user_id bigint not null,
  character_id bigint not null,
  day date not null,
  turns integer not null,
  prompt_tokens bigint not null,
  completion_tokens bigint not null,
  cost double precision not null,
  primary key (user_id, character_id, day),
  foreign key (user_id, character_id) references conversations on delete cascade
);
create index usage_by_day on usage (day);
comment on table usage is 'by day in UTC: turns, tokens as the endpoints reported them, cost by the prices that were set then';

-- Counting a turn under its limits, as a function: its plans are made once for each connection, which halves the time that the statement took.

create function count_turn(
  subjects text[], windows integer[], begins bigint[], streams text[], most integer[], stream bigint, lasts interval,
  of_platform text, of_user text,
  out counted text[], out counted_windows integer[], out counts integer[], out crowded boolean, out banned boolean
) language plpgsql set plan_cache_mode = force_generic_plan as $$
begin
  -- In one order everywhere, so that two turns never wait for each other.
  if cardinality(subjects) > 0 then
    with counting as (
      insert into turn_counts as c (subject, seconds, starts, turns)
      select subject, seconds, to_timestamp(starts), 1
      from unnest(subjects, windows, begins) as given (subject, seconds, starts)
      order by subject, seconds
      on conflict on constraint turn_counts_pkey do update set turns = c.turns + 1
      returning c.subject, c.seconds, c.turns
    )
    select array_agg(subject), array_agg(seconds), array_agg(turns) from counting into counted, counted_windows, counts;
  end if;
  crowded := false;
  if cardinality(streams) > 0 then
    crowded := exists (
      select from unnest(streams, most) as given (subject, most)
      where (select count(*) from open_streams o where o.subject = given.subject and o.expires_at > now()) >= given.most
    );
    if not crowded then
      insert into open_streams (subject, stream_id, expires_at)
      select subject, stream, now() + lasts from unnest(streams) as given (subject);
    end if;
  end if;
  banned := exists (select from bans where platform = of_platform and platform_user_id = of_user);
end
$$;
