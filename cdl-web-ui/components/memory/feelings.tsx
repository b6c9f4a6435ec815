"use client";

import { useState } from "react";
import { CartesianGrid, ResponsiveContainer, Scatter, ScatterChart, Tooltip, XAxis, YAxis } from "recharts";

import { FeelingMark } from "@/components/feeling";
import { Field } from "@/components/ui/field";
import { Choice } from "@/components/ui/input";
import { EmptyState, ErrorState, Section, Waiting } from "@/components/ui/states";
import { Cell, Row, Table } from "@/components/ui/table";
import type { Emotion } from "@/lib/api-schema";
import { type Feeling, FEELINGS, feelingColor, isFeeling, SHAPES } from "@/lib/feelings";
import { useMemory, type Whose } from "@/lib/memory";
import { dayAndTime, shortTime } from "@/lib/times";
import { feelings as words } from "@/texts/feelings";
import { memory } from "@/texts/memory";

const t = memory.feelings;
const SPANS = [1, 7, 30, 365];
const LANE_PX = 38;
const MOST = 500;

/** A feeling that the page has a mark for. */
interface Felt extends Emotion {
  feeling: Feeling;
}

interface Mark {
  at: number;
  lane: number;
  felt: Felt;
}

/** Feelings as marks in lanes, the pleasant ones above; each lane is named where it begins. */
export function Feelings({ whose }: { whose: Whose }) {
  const [days, setDays] = useState(30);
  const [role, setRole] = useState<Felt["role"]>("person");
  const found = useMemory(whose, "GET /api/users/{user_id}/emotions", { days, limit: MOST });
  const felt = (found.data?.emotions ?? []).filter((each): each is Felt => each.role === role && isFeeling(each.feeling));
  const lanes = [...new Set(felt.map((each) => each.feeling))].sort((a, b) => FEELINGS[a].tone - FEELINGS[b].tone);
  const marks: Mark[] = felt.map((each) => ({ at: Date.parse(each.said_at), lane: lanes.indexOf(each.feeling), felt: each }));
  const times = marks.map((each) => each.at);
  const from = Math.min(...times);
  const to = Math.max(...times);
  const margin = Math.max((to - from) * 0.04, 500);

  return (
    <Section title={t.title} intro={t.intro}>
      <div className="mb-4 flex flex-wrap gap-4">
        <Field label={t.who}>
          <Choice value={role} onChange={(event) => setRole(event.target.value as Felt["role"])}>
            <option value="person">{t.person}</option>
            <option value="character">{t.character}</option>
          </Choice>
        </Field>
        <Field label={t.span}>
          <Choice value={days} onChange={(event) => setDays(Number(event.target.value))}>
            {SPANS.map((each) => (
              <option key={each} value={each}>
                {t.days(each)}
              </option>
            ))}
          </Choice>
        </Field>
      </div>
      {found.isPending ? <Waiting what={memory.loading} /> : null}
      {found.error ? <ErrorState error={found.error} retry={() => void found.refetch()} /> : null}
      {found.data && marks.length === 0 ? <EmptyState title={t.empty} /> : null}
      {marks.length ? (
        <>
          <div aria-hidden style={{ height: lanes.length * LANE_PX + 40 }}>
            <ResponsiveContainer width="100%" height="100%">
              <ScatterChart margin={{ top: 4, right: 12, bottom: 0, left: 0 }} accessibilityLayer={false}>
                <CartesianGrid vertical={false} syncWithTicks stroke="var(--line)" />
                <XAxis
                  type="number"
                  dataKey="at"
                  domain={[from - margin, to + margin]}
                  ticks={from === to ? [from] : [from, to]}
                  interval="preserveStartEnd"
                  tickFormatter={(at: number) => shortTime(new Date(at).toISOString())}
                  stroke="var(--soft)"
                  fontSize={12}
                  tickLine={false}
                />
                <YAxis
                  type="number"
                  dataKey="lane"
                  domain={[-0.5, lanes.length - 0.5]}
                  ticks={lanes.map((_, index) => index)}
                  interval={0}
                  tickFormatter={(lane: number) => words[lanes[lane] as Feeling] ?? ""}
                  stroke="var(--soft)"
                  fontSize={12}
                  width={88}
                  tickLine={false}
                  axisLine={false}
                />
                <Tooltip cursor={false} isAnimationActive={false} content={Told} />
                <Scatter data={marks} shape={Shape} isAnimationActive={false} />
              </ScatterChart>
            </ResponsiveContainer>
          </div>
          <details className="mt-4 text-sm">
            <summary className="text-soft">{t.table}</summary>
            <Table caption={t.title} head={t.head} className="mt-2 max-h-80 overflow-y-auto">
              {felt.toReversed().map((each) => (
                <Row key={each.message_id}>
                  <Cell>{dayAndTime(each.said_at)}</Cell>
                  <Cell>
                    <FeelingMark feeling={each.feeling} className="inline-flex items-center gap-1.5" />
                  </Cell>
                  <Cell className="tabular-nums">{Math.round((each.intensity ?? 0) * 100)}</Cell>
                </Row>
              ))}
            </Table>
          </details>
        </>
      ) : null}
    </Section>
  );
}

function Shape({ cx = 0, cy = 0, payload }: { cx?: number; cy?: number; payload?: Mark }) {
  if (!payload) return <g />;
  const { feeling, intensity } = payload.felt;
  const scale = 0.8 + (intensity ?? 0) * 1.2;
  return (
    <path
      d={SHAPES[FEELINGS[feeling].shape]}
      fill={feelingColor(feeling)}
      fillRule="evenodd"
      transform={`translate(${cx - 6 * scale} ${cy - 6 * scale}) scale(${scale})`}
    />
  );
}

function Told({ payload }: { payload?: readonly { payload?: Mark }[] }) {
  const felt = payload?.[0]?.payload?.felt;
  if (!felt) return null;
  return (
    <div className="rounded-sm border border-line bg-raised px-2.5 py-1.5 text-xs">
      <FeelingMark feeling={felt.feeling} /> · {dayAndTime(felt.said_at)}
    </div>
  );
}
