"use client";

import { useQuery } from "@tanstack/react-query";

import { ErrorState, Section, Waiting } from "@/components/ui/states";
import { Cell, Row, Table } from "@/components/ui/table";
import { request } from "@/lib/api";
import type { Answer } from "@/lib/routes";
import { settings } from "@/texts/settings";

const t = settings.discord;
const EVERY_MS = 5000;

/** How the bots of Discord are, and what is missing. */
export function Bots() {
  const found = useQuery({ queryKey: ["discord"], queryFn: () => request("GET /api/discord"), refetchInterval: EVERY_MS });
  const state = found.data;
  return (
    <Section title={t.title}>
      {found.isPending ? <Waiting what={t.loading} /> : null}
      {found.error ? <ErrorState error={found.error} retry={() => void found.refetch()} /> : null}
      {state ? (
        <div className="grid gap-4">
          {state.problem ? <Trouble problem={state.problem} next={state.next_step} /> : null}
          {state.enabled ? null : <p className="text-soft">{t.off}</p>}
          {state.enabled && !state.bots.length && !state.problem ? <p className="text-soft">{t.none}</p> : null}
          {state.bots.map((bot) => (
            <Bot key={bot.character} bot={bot} />
          ))}
        </div>
      ) : null}
    </Section>
  );
}

function Bot({ bot }: { bot: Answer<"GET /api/discord">["bots"][number] }) {
  return (
    <div className="grid gap-2 rounded-lg border border-line p-4 text-sm">
      <div className="flex flex-wrap items-baseline justify-between gap-2">
        <h3 className="font-strong">{t.bot(bot.name, bot.character)}</h3>
        <p className={bot.state === "ready" ? "text-good" : "text-warn"}>
          {t.state[bot.state] ?? bot.state}, {t.servers(bot.guilds)}
        </p>
      </div>
      {bot.problem ? <Trouble problem={bot.problem} next={bot.next_step} /> : null}
      {bot.invite_url ? (
        <a href={bot.invite_url} target="_blank" rel="noreferrer" className="justify-self-start text-accent underline">
          {t.invite}
        </a>
      ) : null}
      {bot.shards.length ? (
        <Table caption={t.shards} head={t.head}>
          {bot.shards.map((shard) => (
            <Row key={shard.id}>
              <Cell className="tabular-nums">{shard.id}</Cell>
              <Cell>{shard.state}</Cell>
              <Cell className="tabular-nums">{shard.latency_ms === null ? "" : t.ms(shard.latency_ms)}</Cell>
              <Cell className="tabular-nums">{shard.guilds}</Cell>
            </Row>
          ))}
        </Table>
      ) : null}
    </div>
  );
}

function Trouble({ problem, next }: { problem: string; next: string | null }) {
  return (
    <div className="rounded-md bg-danger-soft p-3 text-sm">
      <p>{problem}</p>
      {next ? <p className="text-soft">{next}</p> : null}
    </div>
  );
}
