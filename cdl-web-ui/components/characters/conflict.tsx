"use client";

import { useQuery } from "@tanstack/react-query";

import { Changes } from "@/components/characters/changes";
import { Button } from "@/components/ui/button";
import { ErrorState, Section, Waiting } from "@/components/ui/states";
import { useToast } from "@/components/ui/toast";
import { request } from "@/lib/api";
import type { Editing } from "@/lib/characters-editing";
import { differing, isDocument, merged, pruned } from "@/lib/characters-schema";
import type { Change, Character, Document } from "@/lib/characters-types";
import { editor } from "@/texts/editor";

const t = editor.conflict;

export interface Conflict {
  current: Character;
  /** What was saved by others since the version that this editor began from. */
  changes: Change[];
  mine: Document;
}

interface Props {
  conflict: Conflict;
  editing: Editing;
  onDone: () => void;
  onOverwrite: () => void;
  busy: boolean;
}

/** Two people wrote at once: both are shown, and nothing is lost by any choice. */
export function ConflictScreen({ conflict, editing, onDone, onOverwrite, busy }: Props) {
  const { current, mine } = conflict;
  const say = useToast();
  const began = /\d+/.exec(editing.saved.etag)?.[0] ?? "";
  const base = useQuery({
    queryKey: ["characters", "version", current.name, began],
    queryFn: async () => {
      const { definition } = await request("GET /api/characters/{name}/versions/{number}", { path: { name: current.name, number: began } });
      return pruned(definition as Document);
    },
  });
  const saved = { character: current, etag: `"v${current.version}"` };

  function join(from: Document) {
    const joined = merged(from, mine, pruned(current.definition));
    editing.settled(saved, isDocument(joined) ? joined : mine);
    say(t.joined);
    onDone();
  }

  return (
    <div role="region" aria-label={t.title} className="rounded-lg border border-edge bg-raised p-6">
      <h2 className="text-lg font-strong">{t.title}</h2>
      <p className="mt-1 mb-6 text-soft">{t.explain(current.version)}</p>
      <div className="grid gap-x-8 lg:grid-cols-2">
        <Section title={t.theirs}>
          <Changes changes={conflict.changes} />
        </Section>
        <Section title={t.mine}>
          {base.isPending ? <Waiting what={editor.loading} /> : null}
          {base.error ? <ErrorState error={base.error} retry={() => void base.refetch()} /> : null}
          {base.data ? <Changes changes={differing(base.data, mine)} /> : null}
        </Section>
      </div>
      <div className="flex flex-wrap gap-2">
        <Button look="accent" disabled={!base.data || busy} onClick={() => base.data && join(base.data)}>
          {t.merge}
        </Button>
        <Button disabled={busy} onClick={onOverwrite}>
          {t.keepMine}
        </Button>
        <Button
          disabled={busy}
          onClick={() => {
            editing.settled(saved);
            say(t.took, { undo: () => editing.write(mine) });
            onDone();
          }}
        >
          {t.takeTheirs}
        </Button>
        <Button look="quiet" onClick={onDone}>
          {t.back}
        </Button>
      </div>
      <p className="mt-3 text-sm text-soft">{t.mergeHelp}</p>
    </div>
  );
}
