"use client";

import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { Changes } from "@/components/characters/changes";
import { Button } from "@/components/ui/button";
import { Sheet } from "@/components/ui/dialog";
import { ErrorState, Waiting } from "@/components/ui/states";
import { useToast } from "@/components/ui/toast";
import { request, requestTagged } from "@/lib/api";
import type { CharacterVersion } from "@/lib/api-schema";
import { useCharactersChanged, useVersions, whole } from "@/lib/characters";
import type { Saved } from "@/lib/characters-editing";
import type { Change, Character } from "@/lib/characters-types";
import { dayAndTime } from "@/lib/times";
import { editor } from "@/texts/editor";

const t = editor.versions;

interface Props {
  character: Character;
  etag: string;
  dirty: boolean;
  onRestored: (saved: Saved) => void;
  onClose: () => void;
}

/** Every save, what it changed, and the way back to it. */
export function VersionsSheet({ character, etag, dirty, onRestored, onClose }: Props) {
  const found = useVersions(character.name);
  return (
    <Sheet open onOpenChange={onClose} title={t.title} description={t.explain}>
      {found.isPending ? <Waiting what={t.loading} /> : null}
      {found.error ? <ErrorState error={found.error} retry={() => void found.refetch()} /> : null}
      {dirty ? <p className="mb-4 text-sm text-warn">{t.unsaved}</p> : null}
      <ol className="grid gap-4 pb-6">
        {found.data?.map((version) => (
          <One key={version.version} version={version} name={character.name} etag={etag} dirty={dirty} onRestored={onRestored} onClose={onClose} />
        ))}
      </ol>
    </Sheet>
  );
}

function One({ version, name, etag, dirty, onRestored, onClose }: Omit<Props, "character"> & { version: CharacterVersion; name: string }) {
  const [open, setOpen] = useState(false);
  const changed = useCharactersChanged();
  const say = useToast();
  const { version: number } = version;
  const path = { name, number };
  const restore = useMutation({
    mutationFn: () => requestTagged("POST /api/characters/{name}/versions/{number}/restore", { path, headers: { "If-Match": etag } }),
    onSuccess: async ({ value, etag: next }) => {
      onRestored({ character: whole(value.character), etag: next ?? "" });
      say(t.restored(number));
      onClose();
      await changed();
    },
  });
  return (
    <li className="grid gap-2 border-b border-line pb-4">
      <div>
        <h3 className="text-sm font-strong">
          {t.version(number)} {version.current ? <span className="font-normal text-accent">{t.current}</span> : null}
        </h3>
        <p className="text-sm text-soft">
          {dayAndTime(version.saved_at)} {version.by ? t.by(version.by) : null}
        </p>
        <p className="text-sm [overflow-wrap:anywhere]">{version.summary}</p>
      </div>
      <div className="flex flex-wrap gap-2">
        <Button size="small" aria-expanded={open} aria-label={t.show(number)} onClick={() => setOpen(!open)}>
          {open ? t.hide : t.differences}
        </Button>
        {version.current ? null : (
          <Button size="small" disabled={dirty || restore.isPending} onClick={() => restore.mutate()}>
            {t.restore(number)}
          </Button>
        )}
      </div>
      {restore.error ? <ErrorState error={restore.error} /> : null}
      {open ? <Differences path={path} /> : null}
    </li>
  );
}

function Differences({ path }: { path: { name: string; number: number } }) {
  const found = useQuery({
    queryKey: ["characters", "differences", path],
    queryFn: async ({ signal }) => (await request("GET /api/characters/{name}/versions/{number}", { path, signal })).changes as Change[],
  });
  if (found.isPending) return <Waiting what={t.loading} />;
  if (found.error) return <ErrorState error={found.error} retry={() => void found.refetch()} />;
  return <Changes changes={found.data} />;
}
