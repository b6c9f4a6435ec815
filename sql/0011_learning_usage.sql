-- What learning asks of a model counts, too, beside the answers.

alter table usage
  add column learning_requests integer not null default 0,
  add column learning_prompt_tokens bigint not null default 0,
  add column learning_completion_tokens bigint not null default 0,
  add column learning_cost double precision not null default 0;
comment on column usage.learning_requests is 'to a model, for facts and summaries; the other columns without learning_ are of answers';
