-- Turns of one person with one character are taken one after the other, whichever process they reach.

alter table conversations add column turn_by bigint, add column turn_until timestamptz;
comment on column conversations.turn_by is 'the process that takes a turn here; null when none does';
comment on column conversations.turn_until is 'past this its claim counts no more: it renews it while it lives';
