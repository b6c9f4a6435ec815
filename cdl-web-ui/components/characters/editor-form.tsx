"use client";

import { useQuery } from "@tanstack/react-query";
import { useRouter } from "next/navigation";
import { type KeyboardEvent, useState } from "react";
import { FormProvider } from "react-hook-form";

import { ConflictScreen, type Conflict } from "@/components/characters/conflict";
import { DiscordPart } from "@/components/characters/discord-part";
import { DraftNotice } from "@/components/characters/draft-notice";
import { EditorHeader } from "@/components/characters/editor-header";
import { LeaveGuard } from "@/components/characters/leave-guard";
import { LivePane } from "@/components/characters/live-pane";
import { Part } from "@/components/characters/part";
import { Picture } from "@/components/characters/picture";
import { SectionList } from "@/components/characters/section-list";
import { VersionsSheet } from "@/components/characters/versions";
import { Sheet } from "@/components/ui/dialog";
import { ErrorState } from "@/components/ui/states";
import { useToast } from "@/components/ui/toast";
import { ApiError, request } from "@/lib/api";
import { save, useCharactersChanged } from "@/lib/characters";
import { dropDraft } from "@/lib/characters-draft";
import { type Saved, useEditing } from "@/lib/characters-editing";
import { byPlace, ProblemsContext } from "@/lib/characters-problems";
import { labelOf, sectionsOf } from "@/lib/characters-schema";
import type { Change, Character, Node } from "@/lib/characters-types";
import { useWide } from "@/lib/wide";
import { editor as t } from "@/texts/editor";

/** Sections at the left, the form in the middle, prompt and try-out at the right. */
export function EditorForm({ first, schema }: { first: Saved; schema: Node }) {
  const editing = useEditing(first);
  const { form, saved, document, revision } = editing;
  const { name } = saved.character;
  const [here, setHere] = useState("identity");
  const [side, setSide] = useState<"versions" | "live" | null>(null);
  const [conflict, setConflict] = useState<Conflict | null>(null);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const wide = useWide("(min-width: 80rem)");
  const changed = useCharactersChanged();
  const router = useRouter();
  const say = useToast();
  const checked = useQuery({
    queryKey: ["characters", "one", name, "problems", revision],
    queryFn: async ({ signal }) => {
      const body = { definition: document };
      return byPlace((await request("POST /api/characters/validate", { body, signal })).problems);
    },
    placeholderData: (before) => before,
    gcTime: 0,
  });
  const problems = checked.data ?? new Map<string, string>();
  const sections = sectionsOf(schema);
  const section = sections.find((each) => each.id === here) ?? sections[0];

  async function store(etag = saved.etag): Promise<boolean> {
    const definition = editing.now();
    setBusy(true);
    setError(null);
    try {
      const next = await save(name, definition, etag);
      dropDraft(name);
      editing.settled(next);
      setConflict(null);
      say(t.savedAs(next.character.version));
      await changed();
      if (next.character.name !== name) router.replace(`/characters/edit/?name=${encodeURIComponent(next.character.name)}`);
      return true;
    } catch (reason) {
      if (reason instanceof ApiError && reason.code === "version_conflict") {
        const { current, changes } = reason.body as unknown as { current: Character; changes: Change[] };
        setConflict({ current, changes, mine: definition });
      } else setError(reason);
      return false;
    } finally {
      setBusy(false);
    }
  }

  function keys(event: KeyboardEvent) {
    if (!(event.ctrlKey || event.metaKey)) return;
    if (event.key === "s") {
      event.preventDefault();
      if (editing.dirty && !busy) void store();
    } else if (event.key === "z" && !(event.target instanceof HTMLInputElement || event.target instanceof HTMLTextAreaElement)) {
      event.preventDefault();
      if (event.shiftKey) editing.redo();
      else editing.undo();
    }
  }

  function goTo(id: string) {
    setHere(id);
    // Sections differ in length: the next one is read from its beginning.
    window.document.getElementById("content")?.scrollTo({ top: 0 });
  }

  const live = <LivePane definition={document} revision={revision} name={name} />;
  return (
    <FormProvider {...form}>
      <ProblemsContext value={problems}>
        <div className="mx-auto w-full max-w-[88rem] px-4 py-6 sm:px-8" onKeyDown={keys}>
          <EditorHeader
            editing={editing}
            busy={busy}
            problems={problems.size}
            onSave={() => void store()}
            onHistory={() => setSide("versions")}
            onLive={wide ? undefined : () => setSide("live")}
          />
          <DraftNotice editing={editing} first={first} />
          {error ? <ErrorState error={error} kept={t.state.draft} className="mb-6" /> : null}
          {conflict ? (
            <ConflictScreen
              conflict={conflict}
              editing={editing}
              onDone={() => setConflict(null)}
              onOverwrite={() => void store(`"v${conflict.current.version}"`)}
              busy={busy}
            />
          ) : (
            <div className="gap-8 lg:grid lg:grid-cols-[11rem_minmax(0,1fr)] xl:grid-cols-[11rem_minmax(0,1fr)_22rem]">
              <SectionList sections={sections} here={here} onGo={goTo} problems={problems} document={document} />
              <section key={here} aria-label={section?.label} className="grid min-w-0 content-start gap-10 pb-16">
                <h2 className="sr-only">{section?.label}</h2>
                {here === "about" ? <Picture character={saved.character} /> : null}
                {here === "discord" ? <DiscordPart name={name} /> : null}
                {section?.parts.map((part) => (
                  <Part key={part} node={schema.properties?.[part] ?? {}} place={part} label={t.parts[part] ?? labelOf(part)} top />
                ))}
              </section>
              {wide ? <aside aria-label={t.pane.label} className="sticky top-6 h-[calc(100dvh-3rem)] min-w-0">{live}</aside> : null}
            </div>
          )}
        </div>
        {side === "versions" ? (
          <VersionsSheet character={saved.character} etag={saved.etag} dirty={editing.dirty} onRestored={editing.settled} onClose={() => setSide(null)} />
        ) : null}
        {side === "live" ? (
          <Sheet open onOpenChange={() => setSide(null)} title={t.live}>
            <div className="h-[65dvh] sm:h-[85dvh]">{live}</div>
          </Sheet>
        ) : null}
        <LeaveGuard dirty={editing.dirty} onSave={store} />
      </ProblemsContext>
    </FormProvider>
  );
}
