"use client";

import { Line, LineChart, ResponsiveContainer, XAxis, YAxis } from "recharts";

import { FeelingMark } from "@/components/feeling";
import { EmptyState, ErrorState, Section, Waiting } from "@/components/ui/states";
import { Cell, Row, Table } from "@/components/ui/table";
import { useMemory, type Whose } from "@/lib/memory";
import { day, dayAndTime } from "@/lib/times";
import type { Relationship } from "@/lib/api-schema";
import { memory } from "@/texts/memory";

const t = memory.relationship;
const LINES = [
  { name: "trust", dash: undefined },
  { name: "affection", dash: "6 3" },
  { name: "attunement", dash: "2 3" },
] as const;
const NEAR = 5;

type Standing = Record<(typeof LINES)[number]["name"], number>;
type Point = Standing & { number: number; at: string; feeling: string };

/** Three lines, each named at its end. Every step is one exchange. */
export function RelationshipView({ whose }: { whose: Whose }) {
  const found = useMemory(whose, "GET /api/users/{user_id}/relationship", { limit: 500 });
  const now = found.data?.relationship;
  const points = now ? course(now) : [];
  const last = points.at(-1);
  const labels = last ? apart(last) : null;
  return (
    <Section title={t.title} intro={now ? `${t.intro} ${t.since(now.interactions, day(now.first_at ?? new Date().toISOString()))}.` : t.intro}>
      {found.isPending ? <Waiting what={memory.loading} /> : null}
      {found.error ? <ErrorState error={found.error} retry={() => void found.refetch()} /> : null}
      {now === null ? <EmptyState title={t.empty} /> : null}
      {last && labels ? (
        <>
          <div aria-hidden className="h-64">
            <ResponsiveContainer width="100%" height="100%">
              <LineChart data={points} margin={{ top: 8, right: 120, bottom: 0, left: 0 }} accessibilityLayer={false}>
                <XAxis dataKey="number" hide />
                <YAxis domain={[0, 100]} ticks={[0, 50, 100]} stroke="var(--soft)" fontSize={12} width={36} tickLine={false} axisLine={false} />
                {LINES.map(({ name, dash }) => (
                  <Line
                    key={name}
                    dataKey={name}
                    stroke="var(--accent)"
                    strokeWidth={2}
                    strokeDasharray={dash}
                    dot={false}
                    isAnimationActive={false}
                    label={({ index, x = 0, y = 0 }: { index?: number; x?: number | string; y?: number | string }) =>
                      index === points.length - 1 ? (
                        <text x={Number(x) + 8} y={Number(y) + labels[name] + 4} fontSize={12} fill="var(--ink)">
                          {t.names[name]} {Math.round(last[name])}
                        </text>
                      ) : (
                        <g />
                      )
                    }
                  />
                ))}
              </LineChart>
            </ResponsiveContainer>
          </div>
          <details className="mt-4 text-sm">
            <summary className="text-soft">{t.table}</summary>
            <Table caption={t.title} head={t.head} className="mt-2 max-h-80 overflow-y-auto">
              {points.toReversed().map((point) => (
                <Row key={point.number}>
                  <Cell>{dayAndTime(point.at)}</Cell>
                  {LINES.map(({ name }) => (
                    <Cell key={name} className="tabular-nums">
                      {point[name].toFixed(1)}
                    </Cell>
                  ))}
                  <Cell>
                    <FeelingMark feeling={point.feeling} className="inline-flex items-center gap-1.5" />
                  </Cell>
                </Row>
              ))}
            </Table>
          </details>
        </>
      ) : null}
    </Section>
  );
}

/** Steps are changes: the course is read backwards from how it stands now. */
function course(now: Relationship): Point[] {
  const points: Point[] = [];
  let { trust, affection, attunement } = now;
  now.steps.toReversed().forEach((step, index) => {
    points.push({ number: now.steps.length - index, at: step.at, feeling: step.reason, trust: trust * 100, affection: affection * 100, attunement: attunement * 100 });
    trust -= step.trust;
    affection -= step.affection;
    attunement -= step.attunement;
  });
  return points.reverse();
}

/** How far each label is moved (pixels) so that none stands on another. */
function apart(last: Standing): Standing {
  const order = LINES.map(({ name }) => name).sort((a, b) => last[b] - last[a]);
  const moved: Standing = { trust: 0, affection: 0, attunement: 0 };
  order.forEach((name, index) => {
    const above = order[index - 1];
    if (above && last[above] - last[name] < NEAR) moved[name] = moved[above] + 14 - (last[above] - last[name]) * 2.4;
  });
  return moved;
}
