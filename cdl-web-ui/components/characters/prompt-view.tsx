"use client";

import { useQuery } from "@tanstack/react-query";
import { useDeferredValue, useState } from "react";

import { Field } from "@/components/ui/field";
import { Input } from "@/components/ui/input";
import { ErrorState, Waiting } from "@/components/ui/states";
import { request } from "@/lib/api";
import { labelOf } from "@/lib/characters-schema";
import type { Document } from "@/lib/characters-types";
import { usePerson } from "@/lib/session";
import { editor } from "@/texts/editor";

const t = editor.pane;

/** The composed prompt by sections, each with what it takes. */
export function PromptView({ definition, revision, name }: { definition: Document; revision: number; name: string }) {
  const { person } = usePerson();
  const [message, setMessage] = useState("");
  const asked = useDeferredValue(message);
  const found = useQuery({
    queryKey: ["characters", "one", name, "prompt", revision, asked],
    queryFn: ({ signal }) =>
      request("POST /api/characters/prompt", { body: { definition, user_id: person, message: asked || undefined }, signal }),
    placeholderData: (before) => before,
    gcTime: 0,
    retry: false,
  });
  const { data } = found;
  return (
    <div className="flex min-h-0 grow flex-col gap-3">
      <Field label={t.message}>
        <Input value={message} onChange={({ target }) => setMessage(target.value)} placeholder={t.messageExample} />
      </Field>
      {found.isPending ? <Waiting what={t.composing} /> : null}
      {found.error ? <ErrorState error={found.error} /> : null}
      {data ? (
        <>
          <div>
            <p className="text-sm text-soft tabular-nums">{t.total(data.tokens, data.budget)}</p>
            <div aria-hidden className="mt-1 h-1.5 overflow-hidden rounded-full bg-line">
              <div className="h-full bg-accent" style={{ width: `${Math.min(100, (data.tokens / Math.max(1, data.budget)) * 100)}%` }} />
            </div>
          </div>
          <div className="min-h-0 grow overflow-y-auto" tabIndex={0} role="region" aria-label={t.prompt}>
            {data.sections.map((section, index) => (
              <details key={index} className="border-b border-line py-2 text-sm">
                <summary className="flex items-baseline justify-between gap-2">
                  <span className={section.cut ? "text-soft line-through" : "font-strong"}>{labelOf(section.name)}</span>
                  <span className="text-xs whitespace-nowrap text-soft tabular-nums">{t.tokens(section.tokens)}</span>
                </summary>
                <p className="mt-1 text-xs text-soft">{section.cut ? t.cut(section.cut) : t.role(section.role)}</p>
                <p className="mt-1 text-xs whitespace-pre-wrap [overflow-wrap:anywhere]">{section.text}</p>
              </details>
            ))}
          </div>
        </>
      ) : null}
    </div>
  );
}
