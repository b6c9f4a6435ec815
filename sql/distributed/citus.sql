-- Spreads a migrated, still empty database over the nodes of a Citus cluster, by person. Run once, as the owner:
--   psql -1 -f sql/distributed/citus.sql
-- A test holds this against the schema: each key and foreign key of a distributed table contains user_id.

create extension if not exists citus;

-- Small, read by every turn: a copy on every node.
select create_reference_table('api_keys');
select create_reference_table('bans');
select create_reference_table('characters');
select create_reference_table('character_files');
select create_reference_table('character_pictures');
select create_reference_table('character_versions');
select create_reference_table('embedding_models');
select create_reference_table('identities');
select create_reference_table('link_codes');
select create_reference_table('sessions');
select create_reference_table('settings');
select create_reference_table('settings_audit');

-- A person's rows, together on one node.
select create_distributed_table('users', 'user_id');
select create_distributed_table('conversations', 'user_id', colocate_with => 'users');
select create_distributed_table('messages', 'user_id', colocate_with => 'users');
select create_distributed_table('embeddings', 'user_id', colocate_with => 'users');
select create_distributed_table('relationships', 'user_id', colocate_with => 'users');
select create_distributed_table('relationship_events', 'user_id', colocate_with => 'users');
select create_distributed_table('facts', 'user_id', colocate_with => 'users');
select create_distributed_table('fact_sources', 'user_id', colocate_with => 'users');
select create_distributed_table('summaries', 'user_id', colocate_with => 'users');
select create_distributed_table('reactions', 'user_id', colocate_with => 'users');
select create_distributed_table('usage', 'user_id', colocate_with => 'users');
select create_distributed_table('links', 'user_id', colocate_with => 'users');
select create_distributed_table('jobs', 'user_id', colocate_with => 'users');

-- Stay on the coordinator (counts, leases and sessions of Discord, the record of migrations): turn_counts, open_streams,
-- discord_shards, discord_processes, discord_identifies, discord_answers, discord_places, schema_migrations.
