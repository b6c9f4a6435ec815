"use client";

import { Check } from "lucide-react";

import { Choice } from "@/components/ui/input";
import { countIn, type Problems } from "@/lib/characters-problems";
import type { SectionOf } from "@/lib/characters-schema";
import type { Document } from "@/lib/characters-types";
import { cn } from "@/lib/classes";
import { editor as t } from "@/texts/editor";

interface Props {
  sections: SectionOf[];
  here: string;
  onGo: (id: string) => void;
  problems: Problems;
  document: Document;
}

/** Down the left, with a tick or a count of problems; a list of choices where there is no room beside the form. */
export function SectionList({ sections, here, onGo, problems, document }: Props) {
  return (
    <>
      <nav aria-label={t.sectionsLabel} className="sticky top-6 hidden self-start lg:block">
        <ul className="grid gap-0.5">
          {sections.map(({ id, label, parts }) => {
            const count = countIn(problems, parts);
            const filled = parts.some((part) => document[part] !== undefined);
            return (
              <li key={id}>
                <button
                  type="button"
                  aria-current={id === here ? "true" : undefined}
                  onClick={() => onGo(id)}
                  className={cn(
                    "flex w-full items-center justify-between gap-2 rounded-md px-3 py-1.5 text-left text-sm",
                    id === here ? "bg-accent-soft font-strong text-accent" : "text-soft hover:bg-surface hover:text-ink",
                  )}
                >
                  {label}
                  {count ? (
                    <span className="text-xs text-danger" aria-label={t.problems(count)}>
                      {count}
                    </span>
                  ) : filled ? (
                    <Check size={14} role="img" aria-label={t.filled} />
                  ) : null}
                </button>
              </li>
            );
          })}
        </ul>
      </nav>
      <Choice aria-label={t.sectionsLabel} value={here} onChange={({ target }) => onGo(target.value)} className="mb-6 lg:hidden">
        {sections.map(({ id, label, parts }) => {
          const count = countIn(problems, parts);
          return (
            <option key={id} value={id}>
              {count ? `${label} (${t.problems(count)})` : label}
            </option>
          );
        })}
      </Choice>
    </>
  );
}
