"use client";

import { useState } from "react";

import { Button } from "@/components/ui/button";
import { type Draft, dropDraft, readDraft } from "@/lib/characters-draft";
import type { Editing, Saved } from "@/lib/characters-editing";
import { pruned, same } from "@/lib/characters-schema";
import { dayAndTime } from "@/lib/times";
import { editor } from "@/texts/editor";

const t = editor.draft;

/** Offers what this browser kept of an earlier visit. */
export function DraftNotice({ editing, first }: { editing: Editing; first: Saved }) {
  const [draft, setDraft] = useState<Draft | null>(() => {
    const kept = readDraft(first.character.name);
    return kept && !same(kept.definition, pruned(first.character.definition)) ? kept : null;
  });
  if (!draft || editing.dirty) return null;
  const older = draft.etag !== editing.saved.etag;

  function use(kept: Draft) {
    // Saved with the tag that it began from: when somebody saved since, the save shows both.
    editing.settled({ character: editing.saved.character, etag: kept.etag }, kept.definition);
    setDraft(null);
  }

  return (
    <div className="mb-6 flex flex-wrap items-center gap-x-4 gap-y-2 rounded-md bg-accent-soft p-4 text-sm">
      <p className="grow">
        {t.found(dayAndTime(draft.at))} {older ? t.older : null}
      </p>
      <Button size="small" onClick={() => use(draft)}>
        {t.use}
      </Button>
      <Button
        size="small"
        look="quiet"
        onClick={() => {
          dropDraft(first.character.name);
          setDraft(null);
        }}
      >
        {t.drop}
      </Button>
    </div>
  );
}
