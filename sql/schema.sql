-- Written by scripts/dump_schema.py from a database with all migrations applied. Do not edit.

--
-- PostgreSQL database dump
--

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET transaction_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: vector; Type: EXTENSION; Schema: -; Owner: -
--

CREATE EXTENSION IF NOT EXISTS vector WITH SCHEMA public;

--
-- Name: EXTENSION vector; Type: COMMENT; Schema: -; Owner: -
--

COMMENT ON EXTENSION vector IS 'vector data type and ivfflat and hnsw access methods';

--
-- Name: count_turn(text[], integer[], bigint[], text[], integer[], bigint, interval, text, text); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.count_turn(subjects text[], windows integer[], begins bigint[], streams text[], most integer[], stream bigint, lasts interval, of_platform text, of_user text, OUT counted text[], OUT counted_windows integer[], OUT counts integer[], OUT crowded boolean, OUT banned boolean) RETURNS record
    LANGUAGE plpgsql
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
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

--
-- Name: owned_terms(bigint, bigint, text[]); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.owned_terms(user_id bigint, character_id bigint, lexemes text[]) RETURNS bigint[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ select coalesce(array_agg(hashtextextended(user_id || ':' || character_id || ':' || lexeme, 0)), '{}') from unnest(lexemes) lexeme $$;

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: api_keys; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.api_keys (
    key_id bigint NOT NULL,
    prefix text NOT NULL,
    sha256 bytea NOT NULL,
    name text NOT NULL,
    scope text NOT NULL,
    person text,
    "character" text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    last_used_at timestamp with time zone,
    revoked_at timestamp with time zone,
    CONSTRAINT api_keys_scope_check CHECK ((scope = ANY (ARRAY['chat'::text, 'admin'::text])))
);

--
-- Name: COLUMN api_keys.prefix; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.api_keys.prefix IS 'beginning of the key: what it is found and shown by';

--
-- Name: COLUMN api_keys.sha256; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.api_keys.sha256 IS 'of the whole key, which is not kept';

--
-- Name: COLUMN api_keys.person; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.api_keys.person IS 'the only user_id that the key may speak for';

--
-- Name: COLUMN api_keys."character"; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.api_keys."character" IS 'the only character that the key may speak with';

--
-- Name: bans; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.bans (
    platform text NOT NULL,
    platform_user_id text NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    banned_by text DEFAULT ''::text NOT NULL,
    banned_at timestamp with time zone DEFAULT now() NOT NULL
);

--
-- Name: character_files; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.character_files (
    character_id bigint NOT NULL,
    path text NOT NULL,
    data bytea NOT NULL
);
ALTER TABLE ONLY public.character_files ALTER COLUMN data SET STORAGE EXTERNAL;

--
-- Name: character_pictures; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.character_pictures (
    character_id bigint NOT NULL,
    side integer NOT NULL,
    media_type text NOT NULL,
    data bytea NOT NULL,
    sha256 bytea NOT NULL
);
ALTER TABLE ONLY public.character_pictures ALTER COLUMN data SET STORAGE EXTERNAL;

--
-- Name: character_versions; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.character_versions (
    character_id bigint NOT NULL,
    version integer NOT NULL,
    definition jsonb NOT NULL,
    note text DEFAULT ''::text NOT NULL,
    saved_at timestamp with time zone DEFAULT now() NOT NULL,
    saved_by text DEFAULT ''::text NOT NULL
);

--
-- Name: COLUMN character_versions.saved_by; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.character_versions.saved_by IS 'the key that it was saved with, as in api_keys.prefix; empty when no key was needed';

--
-- Name: characters; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.characters (
    id bigint NOT NULL,
    name text NOT NULL,
    definition jsonb NOT NULL,
    version integer DEFAULT 1 NOT NULL,
    builtin_sha256 bytea,
    archived_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);

--
-- Name: COLUMN characters.name; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.characters.name IS 'slug: the name in URLs and settings';

--
-- Name: COLUMN characters.builtin_sha256; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.characters.builtin_sha256 IS 'hash of the shipped document that this is an unedited copy of; null once a person wrote it';

--
-- Name: conversations; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.conversations (
    user_id bigint NOT NULL,
    character_id bigint NOT NULL,
    messages bigint DEFAULT 0 NOT NULL,
    terms bigint DEFAULT 0 NOT NULL,
    session integer DEFAULT 1 NOT NULL,
    place integer DEFAULT 0 NOT NULL,
    last_at timestamp with time zone DEFAULT now() NOT NULL,
    turn_by bigint,
    turn_until timestamp with time zone
);

--
-- Name: COLUMN conversations.session; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.conversations.session IS 'number of the present sitting: after a pause of hours the next begins';

--
-- Name: COLUMN conversations.place; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.conversations.place IS 'number of the last message within it';

--
-- Name: COLUMN conversations.turn_by; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.conversations.turn_by IS 'the process that takes a turn here; null when none does';

--
-- Name: COLUMN conversations.turn_until; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.conversations.turn_until IS 'past this its claim counts no more: it renews it while it lives';

--
-- Name: discord_answers; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.discord_answers (
    bot_id bigint NOT NULL,
    message_id bigint NOT NULL,
    channel_id bigint NOT NULL,
    author_id bigint NOT NULL,
    "character" text NOT NULL,
    answer_ids bigint[] NOT NULL,
    answered_at timestamp with time zone DEFAULT now() NOT NULL
);

--
-- Name: COLUMN discord_answers.author_id; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.discord_answers.author_id IS 'Discord''s id of the person: erasing a person deletes by it';

--
-- Name: discord_identifies; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.discord_identifies (
    bot_id bigint NOT NULL,
    bucket integer NOT NULL,
    free_at timestamp with time zone NOT NULL,
    last_at timestamp with time zone,
    used integer DEFAULT 0 NOT NULL,
    counted_since timestamp with time zone DEFAULT now() NOT NULL
);

--
-- Name: discord_places; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.discord_places (
    bot_id bigint NOT NULL,
    kind text NOT NULL,
    place_id bigint NOT NULL,
    mode text,
    "character" text,
    slow_seconds integer,
    changed_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT discord_places_kind_check CHECK ((kind = ANY (ARRAY['guild'::text, 'channel'::text, 'person'::text]))),
    CONSTRAINT discord_places_mode_check CHECK ((mode = ANY (ARRAY['mention'::text, 'name'::text, 'all'::text, 'off'::text])))
);

--
-- Name: discord_processes; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.discord_processes (
    process_id uuid NOT NULL,
    seen_at timestamp with time zone DEFAULT now() NOT NULL
);

--
-- Name: discord_shards; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.discord_shards (
    bot_id bigint NOT NULL,
    shard integer NOT NULL,
    shard_count integer NOT NULL,
    holder uuid,
    held_until timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    session_id text,
    resume_url text,
    seq bigint,
    saved_at timestamp with time zone
);

--
-- Name: COLUMN discord_shards.holder; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.discord_shards.holder IS 'the process that runs the shard as long as held_until lies ahead';

--
-- Name: COLUMN discord_shards.seq; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.discord_shards.seq IS 'number of the last event that was dealt with: a later process resumes from here';

--
-- Name: embedding_models; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.embedding_models (
    model_id smallint NOT NULL,
    name text NOT NULL,
    dimensions integer NOT NULL
);

--
-- Name: embedding_models_model_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.embedding_models ALTER COLUMN model_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.embedding_models_model_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

--
-- Name: embeddings; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.embeddings (
    user_id bigint NOT NULL,
    character_id bigint NOT NULL,
    model_id smallint NOT NULL,
    message_id bigint NOT NULL,
    shared boolean NOT NULL,
    embedding public.halfvec NOT NULL,
    sketch bit varying GENERATED ALWAYS AS (public.binary_quantize(embedding)) STORED NOT NULL
)
WITH (autovacuum_vacuum_insert_scale_factor='0.02', autovacuum_analyze_threshold='100', autovacuum_analyze_scale_factor='0.05');

--
-- Name: fact_sources; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.fact_sources (
    user_id bigint NOT NULL,
    character_id bigint NOT NULL,
    fact_id bigint NOT NULL,
    message_id bigint NOT NULL
);

--
-- Name: facts; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.facts (
    user_id bigint NOT NULL,
    character_id bigint NOT NULL,
    fact_id bigint NOT NULL,
    kind text NOT NULL,
    slot text NOT NULL,
    value text NOT NULL,
    text text NOT NULL,
    confidence real NOT NULL,
    shared boolean NOT NULL,
    pinned boolean DEFAULT false NOT NULL,
    origin text NOT NULL,
    valid_from timestamp with time zone NOT NULL,
    superseded_at timestamp with time zone,
    superseded_by bigint,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    moved_from bigint,
    CONSTRAINT facts_confidence_check CHECK (((confidence >= (0)::double precision) AND (confidence <= (1)::double precision))),
    CONSTRAINT facts_origin_check CHECK ((origin = ANY (ARRAY['pattern'::text, 'model'::text, 'person'::text])))
);

--
-- Name: COLUMN facts.slot; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.facts.slot IS 'what the fact is about: one value holds at a time (name, birthday), or the value itself is part of it (likes:cheese)';

--
-- Name: COLUMN facts.shared; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.facts.shared IS 'told where others heard it; such facts form a lane of their own, so that nothing private shows through';

--
-- Name: identities; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.identities (
    platform text NOT NULL,
    platform_user_id text NOT NULL,
    user_id bigint NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

--
-- Name: jobs; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.jobs (
    user_id bigint NOT NULL,
    job_id bigint NOT NULL,
    kind text NOT NULL,
    character_id bigint,
    payload jsonb DEFAULT '{}'::jsonb NOT NULL,
    run_at timestamp with time zone DEFAULT now() NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    locked_by text,
    beat_at timestamp with time zone,
    dead_at timestamp with time zone,
    error text,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

--
-- Name: COLUMN jobs.user_id; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.jobs.user_id IS 'whose data the job works on; 0 for the service itself';

--
-- Name: link_codes; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.link_codes (
    code_sha256 bytea NOT NULL,
    platform text NOT NULL,
    platform_user_id text NOT NULL,
    expires_at timestamp with time zone NOT NULL
);

--
-- Name: links; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.links (
    user_id bigint NOT NULL,
    moved_from bigint NOT NULL,
    platform text NOT NULL,
    platform_user_id text NOT NULL,
    display_name text NOT NULL,
    time_zone text NOT NULL,
    relationships jsonb NOT NULL,
    linked_at timestamp with time zone DEFAULT now() NOT NULL
);

--
-- Name: TABLE links; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON TABLE public.links IS 'people who were joined to another: who they were before, to be split off again';

--
-- Name: COLUMN links.relationships; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.links.relationships IS 'rows of relationships as they stood before';

--
-- Name: messages; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.messages (
    user_id bigint NOT NULL,
    character_id bigint NOT NULL,
    message_id bigint NOT NULL,
    role text NOT NULL,
    channel text NOT NULL,
    shared boolean NOT NULL,
    session integer NOT NULL,
    place integer NOT NULL,
    said_at timestamp with time zone NOT NULL,
    about_from timestamp with time zone,
    about_to timestamp with time zone,
    content text NOT NULL,
    reply_to bigint,
    request_key text,
    model text,
    emotion real[],
    feeling text,
    intensity real,
    terms tsvector NOT NULL,
    term_count integer NOT NULL,
    pending boolean DEFAULT false NOT NULL,
    pinned boolean DEFAULT false NOT NULL,
    importance real DEFAULT 0.5 NOT NULL,
    recalled integer DEFAULT 0 NOT NULL,
    edited_at timestamp with time zone,
    platform_message_id text,
    interrupted boolean DEFAULT false NOT NULL,
    learned boolean DEFAULT false NOT NULL,
    moved_from bigint,
    CONSTRAINT messages_role_check CHECK ((role = ANY (ARRAY['person'::text, 'character'::text])))
)
WITH (fillfactor='85', autovacuum_analyze_threshold='100', autovacuum_analyze_scale_factor='0.05');

--
-- Name: COLUMN messages.message_id; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.messages.message_id IS 'ordered by said_at: the time is its upper 41 bits';

--
-- Name: COLUMN messages.about_from; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.messages.about_from IS 'begin of the time that the message speaks of ("last week"), when it names one';

--
-- Name: COLUMN messages.reply_to; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.messages.reply_to IS 'of an answer: the message that it answers';

--
-- Name: COLUMN messages.request_key; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.messages.request_key IS 'the caller''s name for the request: the same key is the same message';

--
-- Name: COLUMN messages.emotion; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.messages.emotion IS 'probabilities of the 28 GoEmotions labels, in their order';

--
-- Name: COLUMN messages.pending; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.messages.pending IS 'waits for its embedding';

--
-- Name: COLUMN messages.importance; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.messages.importance IS '0..1: how much this is worth keeping in reach as it ages';

--
-- Name: COLUMN messages.recalled; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.messages.recalled IS 'how often it was shown to the model again';

--
-- Name: COLUMN messages.platform_message_id; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.messages.platform_message_id IS 'what the platform calls it, for edits and deletions';

--
-- Name: COLUMN messages.moved_from; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.messages.moved_from IS 'the person that brought it along when two were joined: goes back with them';

--
-- Name: open_streams; Type: TABLE; Schema: public; Owner: -
--

CREATE UNLOGGED TABLE public.open_streams (
    subject text NOT NULL,
    stream_id bigint NOT NULL,
    expires_at timestamp with time zone NOT NULL
);

--
-- Name: reactions; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.reactions (
    user_id bigint NOT NULL,
    character_id bigint NOT NULL,
    message_id bigint NOT NULL,
    emoji text NOT NULL,
    valence real NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL
);

--
-- Name: COLUMN reactions.message_id; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.reactions.message_id IS 'the character''s answer';

--
-- Name: COLUMN reactions.valence; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.reactions.valence IS '-1 (bad) to 1 (good), 0 where the emoji says neither';

--
-- Name: relationship_events; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.relationship_events (
    user_id bigint NOT NULL,
    character_id bigint NOT NULL,
    message_id bigint NOT NULL,
    trust real NOT NULL,
    affection real NOT NULL,
    attunement real NOT NULL,
    reason text NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL
);

--
-- Name: TABLE relationship_events; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON TABLE public.relationship_events IS 'what each turn changed: steps, not totals';

--
-- Name: relationships; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.relationships (
    user_id bigint NOT NULL,
    character_id bigint NOT NULL,
    trust real DEFAULT 0.5 NOT NULL,
    affection real DEFAULT 0.4 NOT NULL,
    attunement real DEFAULT 0.3 NOT NULL,
    interactions bigint DEFAULT 0 NOT NULL,
    first_at timestamp with time zone DEFAULT now() NOT NULL,
    last_at timestamp with time zone DEFAULT now() NOT NULL,
    state jsonb DEFAULT '{}'::jsonb NOT NULL
);

--
-- Name: COLUMN relationships.state; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.relationships.state IS 'how the character is towards this person: mood, entries of its lorebook in use, what it brought up. Under private and under shared, because what was said in private must not show in front of others';

--
-- Name: schema_migrations; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.schema_migrations (
    version integer NOT NULL,
    name text NOT NULL,
    sha256 bytea NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL,
    duration_ms integer NOT NULL,
    app_version text NOT NULL,
    breaking boolean NOT NULL,
    CONSTRAINT schema_migrations_version_check CHECK ((version > 0))
);

--
-- Name: sessions; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.sessions (
    sha256 bytea NOT NULL,
    key_id bigint,
    expires_at timestamp with time zone NOT NULL
);

--
-- Name: TABLE sessions; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON TABLE public.sessions IS 'browsers that showed an admin key; key_id is null for the key of the environment';

--
-- Name: settings; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.settings (
    key text NOT NULL,
    value text,
    sealed bytea,
    CONSTRAINT settings_check CHECK (((value IS NULL) <> (sealed IS NULL)))
);

--
-- Name: COLUMN settings.value; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.settings.value IS 'as the environment would write it';

--
-- Name: COLUMN settings.sealed; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.settings.sealed IS 'AES-GCM of the same: version, nonce, ciphertext; the key of the row is authenticated with it';

--
-- Name: settings_audit; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.settings_audit (
    entry_id bigint NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    by text NOT NULL,
    key text NOT NULL,
    before text,
    after text
);

--
-- Name: TABLE settings_audit; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON TABLE public.settings_audit IS 'every change; of secrets only whether they were set';

--
-- Name: summaries; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.summaries (
    user_id bigint NOT NULL,
    character_id bigint NOT NULL,
    summary_id bigint NOT NULL,
    channel text NOT NULL,
    shared boolean NOT NULL,
    first_message_id bigint NOT NULL,
    last_message_id bigint NOT NULL,
    messages integer NOT NULL,
    text text NOT NULL,
    origin text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    moved_from bigint
);

--
-- Name: turn_counts; Type: TABLE; Schema: public; Owner: -
--

CREATE UNLOGGED TABLE public.turn_counts (
    subject text NOT NULL,
    seconds integer NOT NULL,
    starts timestamp with time zone NOT NULL,
    turns integer NOT NULL
);

--
-- Name: TABLE turn_counts; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON TABLE public.turn_counts IS 'turns of a key, person or address in a window of so many seconds';

--
-- Name: usage; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.usage (
    user_id bigint NOT NULL,
    character_id bigint NOT NULL,
    day date NOT NULL,
    turns integer NOT NULL,
    prompt_tokens bigint NOT NULL,
    completion_tokens bigint NOT NULL,
    cost double precision NOT NULL,
    learning_requests integer DEFAULT 0 NOT NULL,
    learning_prompt_tokens bigint DEFAULT 0 NOT NULL,
    learning_completion_tokens bigint DEFAULT 0 NOT NULL,
    learning_cost double precision DEFAULT 0 NOT NULL
);

--
-- Name: TABLE usage; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON TABLE public.usage IS 'by day in UTC: turns, tokens as the endpoints reported them, cost by the prices that were set then';

--
-- Name: COLUMN usage.learning_requests; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON COLUMN public.usage.learning_requests IS 'to a model, for facts and summaries; the other columns without learning_ are of answers';

--
-- Name: users; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.users (
    user_id bigint NOT NULL,
    display_name text DEFAULT ''::text NOT NULL,
    time_zone text DEFAULT 'UTC'::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

--
-- Name: api_keys api_keys_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_pkey PRIMARY KEY (key_id);

--
-- Name: api_keys api_keys_prefix_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_prefix_key UNIQUE (prefix);

--
-- Name: bans bans_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.bans
    ADD CONSTRAINT bans_pkey PRIMARY KEY (platform, platform_user_id);

--
-- Name: character_files character_files_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.character_files
    ADD CONSTRAINT character_files_pkey PRIMARY KEY (character_id, path);

--
-- Name: character_pictures character_pictures_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.character_pictures
    ADD CONSTRAINT character_pictures_pkey PRIMARY KEY (character_id, side);

--
-- Name: character_versions character_versions_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.character_versions
    ADD CONSTRAINT character_versions_pkey PRIMARY KEY (character_id, version);

--
-- Name: characters characters_name_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.characters
    ADD CONSTRAINT characters_name_key UNIQUE (name);

--
-- Name: characters characters_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.characters
    ADD CONSTRAINT characters_pkey PRIMARY KEY (id);

--
-- Name: conversations conversations_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.conversations
    ADD CONSTRAINT conversations_pkey PRIMARY KEY (user_id, character_id);

--
-- Name: discord_answers discord_answers_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.discord_answers
    ADD CONSTRAINT discord_answers_pkey PRIMARY KEY (bot_id, message_id);

--
-- Name: discord_identifies discord_identifies_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.discord_identifies
    ADD CONSTRAINT discord_identifies_pkey PRIMARY KEY (bot_id, bucket);

--
-- Name: discord_places discord_places_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.discord_places
    ADD CONSTRAINT discord_places_pkey PRIMARY KEY (bot_id, kind, place_id);

--
-- Name: discord_processes discord_processes_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.discord_processes
    ADD CONSTRAINT discord_processes_pkey PRIMARY KEY (process_id);

--
-- Name: discord_shards discord_shards_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.discord_shards
    ADD CONSTRAINT discord_shards_pkey PRIMARY KEY (bot_id, shard);

--
-- Name: embedding_models embedding_models_name_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.embedding_models
    ADD CONSTRAINT embedding_models_name_key UNIQUE (name);

--
-- Name: embedding_models embedding_models_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.embedding_models
    ADD CONSTRAINT embedding_models_pkey PRIMARY KEY (model_id);

--
-- Name: embeddings embeddings_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.embeddings
    ADD CONSTRAINT embeddings_pkey PRIMARY KEY (user_id, character_id, message_id, model_id) INCLUDE (shared, sketch);

--
-- Name: fact_sources fact_sources_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.fact_sources
    ADD CONSTRAINT fact_sources_pkey PRIMARY KEY (user_id, character_id, fact_id, message_id);

--
-- Name: facts facts_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.facts
    ADD CONSTRAINT facts_pkey PRIMARY KEY (user_id, character_id, fact_id);

--
-- Name: identities identities_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.identities
    ADD CONSTRAINT identities_pkey PRIMARY KEY (platform, platform_user_id);

--
-- Name: jobs jobs_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.jobs
    ADD CONSTRAINT jobs_pkey PRIMARY KEY (user_id, job_id);

--
-- Name: link_codes link_codes_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.link_codes
    ADD CONSTRAINT link_codes_pkey PRIMARY KEY (code_sha256);

--
-- Name: links links_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.links
    ADD CONSTRAINT links_pkey PRIMARY KEY (user_id, moved_from);

--
-- Name: messages messages_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.messages
    ADD CONSTRAINT messages_pkey PRIMARY KEY (user_id, character_id, message_id);

--
-- Name: open_streams open_streams_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.open_streams
    ADD CONSTRAINT open_streams_pkey PRIMARY KEY (subject, stream_id);

--
-- Name: reactions reactions_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.reactions
    ADD CONSTRAINT reactions_pkey PRIMARY KEY (user_id, character_id, message_id, emoji);

--
-- Name: relationship_events relationship_events_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.relationship_events
    ADD CONSTRAINT relationship_events_pkey PRIMARY KEY (user_id, character_id, message_id);

--
-- Name: relationships relationships_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.relationships
    ADD CONSTRAINT relationships_pkey PRIMARY KEY (user_id, character_id);

--
-- Name: schema_migrations schema_migrations_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.schema_migrations
    ADD CONSTRAINT schema_migrations_pkey PRIMARY KEY (version);

--
-- Name: sessions sessions_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_pkey PRIMARY KEY (sha256);

--
-- Name: settings_audit settings_audit_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.settings_audit
    ADD CONSTRAINT settings_audit_pkey PRIMARY KEY (entry_id);

--
-- Name: settings settings_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.settings
    ADD CONSTRAINT settings_pkey PRIMARY KEY (key);

--
-- Name: summaries summaries_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.summaries
    ADD CONSTRAINT summaries_pkey PRIMARY KEY (user_id, character_id, summary_id);

--
-- Name: turn_counts turn_counts_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.turn_counts
    ADD CONSTRAINT turn_counts_pkey PRIMARY KEY (subject, seconds, starts);

--
-- Name: usage usage_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.usage
    ADD CONSTRAINT usage_pkey PRIMARY KEY (user_id, character_id, day);

--
-- Name: users users_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (user_id);

--
-- Name: discord_answers_by_answer; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX discord_answers_by_answer ON public.discord_answers USING gin (answer_ids);

--
-- Name: discord_answers_by_author; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX discord_answers_by_author ON public.discord_answers USING btree (author_id);

--
-- Name: fact_sources_of_message; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX fact_sources_of_message ON public.fact_sources USING btree (user_id, character_id, message_id);

--
-- Name: facts_in_force; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX facts_in_force ON public.facts USING btree (user_id, character_id, slot, shared) WHERE (superseded_at IS NULL);

--
-- Name: identities_of_user; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX identities_of_user ON public.identities USING btree (user_id);

--
-- Name: jobs_due; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX jobs_due ON public.jobs USING btree (run_at) WHERE (dead_at IS NULL);

--
-- Name: jobs_once; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX jobs_once ON public.jobs USING btree (user_id, kind, COALESCE(character_id, (0)::bigint)) WHERE ((dead_at IS NULL) AND (locked_by IS NULL));

--
-- Name: messages_by_channel; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX messages_by_channel ON public.messages USING btree (user_id, character_id, channel, message_id);

--
-- Name: messages_by_place; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX messages_by_place ON public.messages USING btree (user_id, character_id, session, place);

--
-- Name: messages_by_platform_id; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX messages_by_platform_id ON public.messages USING btree (user_id, character_id, platform_message_id) WHERE (platform_message_id IS NOT NULL);

--
-- Name: messages_by_request; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX messages_by_request ON public.messages USING btree (user_id, character_id, request_key) WHERE (request_key IS NOT NULL);

--
-- Name: messages_by_term; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX messages_by_term ON public.messages USING gin (public.owned_terms(user_id, character_id, tsvector_to_array(terms))) WITH (fastupdate=off);

--
-- Name: messages_one_answer; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX messages_one_answer ON public.messages USING btree (user_id, character_id, reply_to) WHERE (reply_to IS NOT NULL);

--
-- Name: messages_pending; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX messages_pending ON public.messages USING btree (message_id) WHERE pending;

--
-- Name: messages_unlearned; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX messages_unlearned ON public.messages USING btree (user_id, character_id, message_id) WHERE (NOT learned);

--
-- Name: summaries_by_channel; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX summaries_by_channel ON public.summaries USING btree (user_id, character_id, channel, last_message_id);

--
-- Name: turn_counts_by_start; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX turn_counts_by_start ON public.turn_counts USING btree (starts);

--
-- Name: usage_by_day; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX usage_by_day ON public.usage USING btree (day);

--
-- Name: character_files character_files_character_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.character_files
    ADD CONSTRAINT character_files_character_id_fkey FOREIGN KEY (character_id) REFERENCES public.characters(id) ON DELETE CASCADE;

--
-- Name: character_pictures character_pictures_character_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.character_pictures
    ADD CONSTRAINT character_pictures_character_id_fkey FOREIGN KEY (character_id) REFERENCES public.characters(id) ON DELETE CASCADE;

--
-- Name: character_versions character_versions_character_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.character_versions
    ADD CONSTRAINT character_versions_character_id_fkey FOREIGN KEY (character_id) REFERENCES public.characters(id) ON DELETE CASCADE;

--
-- Name: conversations conversations_character_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.conversations
    ADD CONSTRAINT conversations_character_id_fkey FOREIGN KEY (character_id) REFERENCES public.characters(id) ON DELETE CASCADE;

--
-- Name: conversations conversations_user_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.conversations
    ADD CONSTRAINT conversations_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(user_id) ON DELETE CASCADE;

--
-- Name: embeddings embeddings_model_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.embeddings
    ADD CONSTRAINT embeddings_model_id_fkey FOREIGN KEY (model_id) REFERENCES public.embedding_models(model_id);

--
-- Name: embeddings embeddings_user_id_character_id_message_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.embeddings
    ADD CONSTRAINT embeddings_user_id_character_id_message_id_fkey FOREIGN KEY (user_id, character_id, message_id) REFERENCES public.messages(user_id, character_id, message_id) ON DELETE CASCADE;

--
-- Name: fact_sources fact_sources_user_id_character_id_fact_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.fact_sources
    ADD CONSTRAINT fact_sources_user_id_character_id_fact_id_fkey FOREIGN KEY (user_id, character_id, fact_id) REFERENCES public.facts(user_id, character_id, fact_id) ON DELETE CASCADE;

--
-- Name: fact_sources fact_sources_user_id_character_id_message_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.fact_sources
    ADD CONSTRAINT fact_sources_user_id_character_id_message_id_fkey FOREIGN KEY (user_id, character_id, message_id) REFERENCES public.messages(user_id, character_id, message_id) ON DELETE CASCADE;

--
-- Name: facts facts_user_id_character_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.facts
    ADD CONSTRAINT facts_user_id_character_id_fkey FOREIGN KEY (user_id, character_id) REFERENCES public.conversations(user_id, character_id) ON DELETE CASCADE;

--
-- Name: links links_user_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.links
    ADD CONSTRAINT links_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(user_id) ON DELETE CASCADE;

--
-- Name: messages messages_user_id_character_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.messages
    ADD CONSTRAINT messages_user_id_character_id_fkey FOREIGN KEY (user_id, character_id) REFERENCES public.conversations(user_id, character_id) ON DELETE CASCADE;

--
-- Name: reactions reactions_user_id_character_id_message_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.reactions
    ADD CONSTRAINT reactions_user_id_character_id_message_id_fkey FOREIGN KEY (user_id, character_id, message_id) REFERENCES public.messages(user_id, character_id, message_id) ON DELETE CASCADE;

--
-- Name: relationship_events relationship_events_user_id_character_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.relationship_events
    ADD CONSTRAINT relationship_events_user_id_character_id_fkey FOREIGN KEY (user_id, character_id) REFERENCES public.relationships(user_id, character_id) ON DELETE CASCADE;

--
-- Name: relationships relationships_user_id_character_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.relationships
    ADD CONSTRAINT relationships_user_id_character_id_fkey FOREIGN KEY (user_id, character_id) REFERENCES public.conversations(user_id, character_id) ON DELETE CASCADE;

--
-- Name: sessions sessions_key_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_key_id_fkey FOREIGN KEY (key_id) REFERENCES public.api_keys(key_id) ON DELETE CASCADE;

--
-- Name: summaries summaries_user_id_character_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.summaries
    ADD CONSTRAINT summaries_user_id_character_id_fkey FOREIGN KEY (user_id, character_id) REFERENCES public.conversations(user_id, character_id) ON DELETE CASCADE;

--
-- Name: usage usage_user_id_character_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.usage
    ADD CONSTRAINT usage_user_id_character_id_fkey FOREIGN KEY (user_id, character_id) REFERENCES public.conversations(user_id, character_id) ON DELETE CASCADE;

--
-- PostgreSQL database dump complete
--
