"use client";

import { Section } from "@/components/ui/states";
import type { Standing } from "@/lib/status";
import { labelOf } from "@/lib/words";
import { status } from "@/texts/status";

const t = status.time;

/** A bar for each part of a turn: its body is the half, its thin end the slow ones. The figures stand in the same table. */
export function Times({ times }: { times: Standing["milliseconds"] }) {
  const parts = Object.entries(times);
  const most = Math.max(1, ...parts.map(([, { p95 }]) => p95));
  return (
    <Section title={t.title} intro={t.intro}>
      {parts.length === 0 ? (
        <p className="text-sm text-soft">{t.empty}</p>
      ) : (
        <table className="w-full text-sm">
          <caption className="sr-only">{t.title}</caption>
          <thead className="sr-only">
            <tr>
              {t.head.map((head) => (
                <th key={head} scope="col">
                  {head}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {parts.map(([name, { p50, p95 }]) => (
              <tr key={name} className="border-t border-line">
                <th scope="row" className="w-44 py-2 pr-3 text-left font-normal">
                  {t.parts[name] ?? labelOf(name)}
                </th>
                <td className="w-full py-2">
                  <span className="flex items-center gap-2">
                    <span aria-hidden className="relative h-3 grow">
                      <span className="absolute top-1 left-0 h-1 rounded-full bg-edge" style={{ width: `${(p95 / most) * 100}%` }} />
                      <span className="absolute top-0 left-0 h-3 rounded-full bg-accent" style={{ width: `${(p50 / most) * 100}%` }} />
                    </span>
                    <span className="w-16 text-right whitespace-nowrap tabular-nums">{t.ms(p50)}</span>
                  </span>
                </td>
                <td className="py-2 pl-3 text-right whitespace-nowrap text-soft tabular-nums">{t.ms(p95)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Section>
  );
}
