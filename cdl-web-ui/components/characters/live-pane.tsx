"use client";

import { useState } from "react";

import { PromptView } from "@/components/characters/prompt-view";
import { TryOut } from "@/components/characters/try-out";
import type { Document } from "@/lib/characters-types";
import { cn } from "@/lib/classes";
import { editor } from "@/texts/editor";

const t = editor.pane;

/** What the model gets of this character, and a talk with it as it is written now. */
export function LivePane({ definition, revision, name }: { definition: Document; revision: number; name: string }) {
  const [shown, setShown] = useState<"prompt" | "try">("prompt");
  return (
    <div className="flex h-full flex-col">
      <div role="group" aria-label={t.label} className="mb-3 flex gap-1 border-b border-line">
        {(["prompt", "try"] as const).map((each) => (
          <button
            key={each}
            type="button"
            aria-pressed={shown === each}
            onClick={() => setShown(each)}
            className={cn("-mb-px border-b-2 px-3 py-2 text-sm", shown === each ? "border-accent font-strong" : "border-transparent text-soft hover:text-ink")}
          >
            {t[each]}
          </button>
        ))}
      </div>
      {shown === "prompt" ? <PromptView definition={definition} revision={revision} name={name} /> : null}
      <div className={cn("min-h-0 grow", shown === "try" ? "flex flex-col" : "hidden")}>
        <TryOut definition={definition} />
      </div>
    </div>
  );
}
