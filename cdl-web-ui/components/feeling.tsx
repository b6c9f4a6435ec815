import { FEELINGS, SHAPES, feelingColor, isFeeling } from "@/lib/feelings";
import { feelings as words } from "@/texts/feelings";

/** A feeling as hue, shape and word. */
export function FeelingMark({ feeling, className }: { feeling: string | null | undefined; className?: string }) {
  if (!isFeeling(feeling)) return null;
  return (
    <span className={className ?? "inline-flex items-center gap-1.5 text-xs text-soft"}>
      <svg width="10" height="10" viewBox="0 0 12 12" aria-hidden fill={feelingColor(feeling)} fillRule="evenodd">
        <path d={SHAPES[FEELINGS[feeling].shape]} />
      </svg>
      {words[feeling]}
    </span>
  );
}
