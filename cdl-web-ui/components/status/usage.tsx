"use client";

import dynamic from "next/dynamic";
import { useState } from "react";

import { Field } from "@/components/ui/field";
import { Choice } from "@/components/ui/input";
import { EmptyState, ErrorState, Section, Waiting } from "@/components/ui/states";
import { Cell, Row, Table } from "@/components/ui/table";
import { type Usage, useUsage } from "@/lib/status";
import { day as asDay } from "@/lib/times";
import { status } from "@/texts/status";

const Days = dynamic(() => import("@/components/status/days").then((part) => part.Days), { ssr: false, loading: () => <div className="h-40" /> });

const t = status.usage;
const DAY_MS = 86_400_000;
const NOTHING = { turns: 0, prompt_tokens: 0, completion_tokens: 0, cost: 0, learning: { requests: 0, prompt_tokens: 0, completion_tokens: 0, cost: 0 } };

/** What was used for answers and, beside them, for learning from the talk. */
type Used = typeof NOTHING;
type Day = ReturnType<typeof flat> & { day: string };

/** What the models used and cost, day by day. */
export function UsageView() {
  const [days, setDays] = useState(30);
  const found = useUsage(days);
  return (
    <Section
      title={t.title}
      intro={t.intro}
      actions={
        <Field label={t.span}>
          <Choice value={days} onChange={({ target }) => setDays(Number(target.value))}>
            {Object.entries(t.spans).map(([value, label]) => (
              <option key={value} value={value}>
                {label}
              </option>
            ))}
          </Choice>
        </Field>
      }
    >
      {found.isPending ? <Waiting what={t.loading} /> : null}
      {found.error ? <ErrorState error={found.error} retry={() => void found.refetch()} /> : null}
      {found.data?.days.length === 0 ? <EmptyState title={t.empty}>{t.emptyHint}</EmptyState> : null}
      {found.data?.days.length ? <Pictures usage={found.data} days={days} /> : null}
    </Section>
  );
}

function Pictures({ usage, days }: { usage: Usage; days: number }) {
  const all = everyDay(usage.days, days);
  const costs = all.some(({ cost, learningCost }) => cost + learningCost > 0);
  return (
    <div className="grid gap-8">
      <div>
        <h3 className="mb-2 text-sm font-strong">{t.tokens}</h3>
        <p aria-hidden className="mb-1 flex gap-4 text-xs text-soft">
          <span>
            <span className="text-accent">■</span> {t.prompt}
          </span>
          <span>
            <span className="text-edge">■</span> {t.completion}
          </span>
          <span>
            <span className="text-soft">■</span> {t.learning}
          </span>
        </p>
        <Days data={all} bars={[["prompt_tokens", "var(--accent)"], ["completion_tokens", "var(--edge)"], ["learning", "var(--soft)"]]} />
      </div>
      <div>
        <h3 className="mb-2 text-sm font-strong">{t.cost}</h3>
        {costs ? <Days data={all} bars={[["cost", "var(--accent)"], ["learningCost", "var(--soft)"]]} /> : <p className="text-sm text-soft">{t.noCost}</p>}
      </div>
      <details className="text-sm">
        <summary className="text-soft">{t.table}</summary>
        <Table caption={t.title} head={t.head} className="mt-2">
          {usage.days.toReversed().map((found) => ({ ...flat(found), day: found.day })).map((each) => (
            <Row key={each.day}>
              <Cell className="whitespace-nowrap">{asDay(each.day)}</Cell>
              <Cell className="tabular-nums">{count(each.turns)}</Cell>
              <Cell className="tabular-nums">{count(each.prompt_tokens)}</Cell>
              <Cell className="tabular-nums">{count(each.completion_tokens)}</Cell>
              <Cell className="tabular-nums">{count(each.learning)}</Cell>
              <Cell className="tabular-nums">{money(each.cost + each.learningCost)}</Cell>
            </Row>
          ))}
        </Table>
      </details>
      <div className="grid gap-8 lg:grid-cols-2">
        <Totals title={t.byCharacter} head={t.headCharacter} rows={usage.by_character.map((each) => [each.character, each])} />
        <Totals title={t.byPerson} head={t.headPerson} rows={usage.by_person.map((each) => [each.display_name || (each.user_id ?? ""), each])} />
      </div>
    </div>
  );
}

function Totals({ title, head, rows }: { title: string; head: string[]; rows: [string, Used][] }) {
  return (
    <div>
      <h3 className="mb-2 text-sm font-strong">{title}</h3>
      <Table caption={title} head={head} className="max-h-72 overflow-y-auto">
        {rows.map(([name, used]) => [name, flat(used)] as const).map(([name, each], index) => (
          <Row key={index}>
            <Cell className="[overflow-wrap:anywhere]">{name}</Cell>
            <Cell className="tabular-nums">{count(each.turns)}</Cell>
            <Cell className="tabular-nums">{count(each.prompt_tokens + each.completion_tokens + each.learning)}</Cell>
            <Cell className="tabular-nums">{money(each.cost + each.learningCost)}</Cell>
          </Row>
        ))}
      </Table>
    </div>
  );
}

/** Days without an answer are days too. */
function everyDay(found: Usage["days"], days: number): Day[] {
  const known = new Map(found.map((each) => [each.day, each]));
  const today = Date.now();
  return Array.from({ length: days }, (_, index) => {
    const day = new Date(today - (days - 1 - index) * DAY_MS).toISOString().slice(0, 10);
    return { ...flat(known.get(day) ?? NOTHING), day };
  });
}

function flat({ learning, ...answers }: Used) {
  return { ...answers, learning: learning.prompt_tokens + learning.completion_tokens, learningCost: learning.cost };
}

function count(value: number): string {
  return value.toLocaleString("en-GB");
}

function money(value: number): string {
  return value.toLocaleString("en-GB", { maximumFractionDigits: 4 });
}
