import type { Memory } from "@/lib/api-schema";
import { dayAndTime } from "@/lib/times";
import { chat as t } from "@/texts/chat";

/** One recalled memory: who said it and when, the words, and the score with its parts. */
export function RecalledItem({ recalled }: { recalled: Memory }) {
  const parts = Object.entries(recalled.scores).sort(([, a], [, b]) => b - a);
  return (
    <div className="grid w-full gap-1 text-sm">
      <p className="text-xs text-soft">
        {t.whySpeaker[recalled.speaker]}, {dayAndTime(recalled.said_at)}
      </p>
      <p className="line-clamp-6 [overflow-wrap:anywhere]">{recalled.content}</p>
      <details className="text-xs text-soft">
        <summary>{t.score(recalled.score.toFixed(2))}</summary>
        <dl className="mt-2 grid grid-cols-[1fr_auto] gap-x-4 gap-y-0.5" aria-label={t.parts}>
          {parts.map(([name, value]) => (
            <div key={name} className="contents">
              <dt>{name.replaceAll("_", " ")}</dt>
              <dd className="text-right tabular-nums">{value.toFixed(2)}</dd>
            </div>
          ))}
        </dl>
      </details>
    </div>
  );
}
