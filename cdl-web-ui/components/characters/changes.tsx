"use client";

import { placeInWords } from "@/lib/characters-schema";
import type { Change, Json } from "@/lib/characters-types";
import { editor } from "@/texts/editor";

const t = editor.versions;
const SHOWN_CHARS = 400;

/** What differs, one place after the other: what was, then what is. */
export function Changes({ changes }: { changes: Change[] }) {
  if (!changes.length) return <p className="text-sm text-soft">{t.same}</p>;
  return (
    <ul className="grid gap-3 text-sm">
      {changes.map(({ path, kind, before, after }) => (
        <li key={path} className="grid gap-0.5 border-l-2 border-line pl-3 whitespace-pre-wrap [overflow-wrap:anywhere]">
          <span className="text-soft">
            {t.kinds[kind]}: {placeInWords(path) || t.whole}
          </span>
          {before === undefined ? null : <del className="text-soft">{shown(before)}</del>}
          {after === undefined ? null : <ins className="no-underline">{shown(after)}</ins>}
        </li>
      ))}
    </ul>
  );
}

function shown(value: Json): string {
  const text = typeof value === "string" ? value : JSON.stringify(value, null, 1);
  return text.length > SHOWN_CHARS ? `${text.slice(0, SHOWN_CHARS)}…` : text;
}
