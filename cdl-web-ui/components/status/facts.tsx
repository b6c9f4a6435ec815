"use client";

import type { ReactNode } from "react";

import { Section } from "@/components/ui/states";
import { Cell, Row, Table } from "@/components/ui/table";
import { cn } from "@/lib/classes";
import type { Standing } from "@/lib/status";
import { dayAndTime } from "@/lib/times";
import { status } from "@/texts/status";

/** Terms with what is so. */
function Terms({ terms }: { terms: [string, ReactNode][] }) {
  return (
    <dl className="grid gap-x-8 gap-y-3 text-sm sm:grid-cols-2 lg:grid-cols-3">
      {terms.map(([term, value]) => (
        <div key={term} className="border-t border-line pt-2">
          <dt className="text-soft">{term}</dt>
          <dd className="[overflow-wrap:anywhere]">{value}</dd>
        </div>
      ))}
    </dl>
  );
}

export function Facts({ standing }: { standing: Standing }) {
  const t = status.facts;
  const { llm, database, discord, models, turns } = standing;
  return (
    <Section title={t.title}>
      <Terms
        terms={[
          [t.version, standing.version],
          [t.up, span(standing.uptime_seconds)],
          [t.model, llm.host ? t.found(llm.model ?? "", llm.host) : t.offline],
          [t.database, t.databaseOf(database.mode ?? "", String(database.schema_version ?? ""))],
          [t.encoder, models.embedding ?? ""],
          [t.memory, t.megabytes(standing.memory_usage_mb)],
          [t.turns, turns.answered.toLocaleString("en-GB")],
          [t.underWay, turns.under_way],
          [t.discord, discord.enabled ? t.bots(discord.bots.length) : t.discordOff],
        ]}
      />
      <details className="mt-4 text-sm">
        <summary className="text-soft">{t.versions}</summary>
        <Table caption={t.versions} head={t.versionsHead} className="mt-2 max-w-sm">
          {Object.entries(standing.versions).map(([name, version]) => (
            <Row key={name}>
              <Cell>{name}</Cell>
              <Cell className="tabular-nums">{version}</Cell>
            </Row>
          ))}
        </Table>
      </details>
    </Section>
  );
}

export function Errors({ errors }: { errors: Standing["errors"] }) {
  const t = status.errors;
  return (
    <Section title={t.title}>
      {errors.length === 0 ? (
        <p className="text-sm text-soft">{t.none}</p>
      ) : (
        <Table caption={t.title} head={t.head}>
          {errors.toReversed().map((error) => (
            <Row key={error.code}>
              <Cell className="whitespace-nowrap">{dayAndTime(error.at)}</Cell>
              <Cell className="tabular-nums">{error.count}</Cell>
              <Cell>
                <code>{error.code}</code>
              </Cell>
              <Cell className="min-w-56">{error.next_step}</Cell>
            </Row>
          ))}
        </Table>
      )}
    </Section>
  );
}

export function ModelEndpoints({ endpoints }: { endpoints: NonNullable<Standing["llm"]["endpoints"]> }) {
  const t = status.endpoints;
  if (!endpoints.length) return null;
  return (
    <Section title={t.title}>
      <Table caption={t.title} head={t.head}>
        {endpoints.map((endpoint, index) => (
          <Row key={index}>
            <Cell className="[overflow-wrap:anywhere]">{endpoint.host}</Cell>
            <Cell className="[overflow-wrap:anywhere]">{endpoint.model}</Cell>
            <Cell className={endpoint.state === "closed" ? "text-good" : "text-warn"}>{t.state[endpoint.state ?? ""] ?? endpoint.state}</Cell>
          </Row>
        ))}
      </Table>
    </Section>
  );
}

export function Jobs({ jobs }: { jobs: Standing["jobs"] }) {
  const t = status.jobs;
  return (
    <Section title={t.title} intro={t.intro}>
      {jobs ? (
        <Terms
          terms={[
            [t.waiting, jobs.waiting],
            [t.running, jobs.running],
            [t.dead, <span key="dead" className={cn(jobs.dead > 0 && "text-danger")}>{jobs.dead}</span>],
            [t.oldest, span(jobs.oldest_seconds)],
          ]}
        />
      ) : (
        <p className="text-sm text-warn">{t.unknown}</p>
      )}
    </Section>
  );
}

/** The two largest parts of a time. */
function span(seconds: number): string {
  const t = status.span;
  const whole = Math.floor(seconds);
  const parts = [
    [Math.floor(whole / 86_400), t.days],
    [Math.floor((whole % 86_400) / 3600), t.hours],
    [Math.floor((whole % 3600) / 60), t.minutes],
    [whole % 60, t.seconds],
  ] as const;
  const first = parts.findIndex(([count]) => count > 0);
  if (first < 0) return t.seconds(0);
  return parts
    .slice(first, first + 2)
    .filter(([count]) => count > 0)
    .map(([count, words]) => words(count))
    .join(", ");
}
