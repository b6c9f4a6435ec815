"use client";

import { Ellipsis, Plus, Upload } from "lucide-react";
import Link from "next/link";
import { type DragEvent, useDeferredValue, useState } from "react";

import { Avatar } from "@/components/avatar";
import { CloneDialog, NewDialog } from "@/components/characters/name-dialogs";
import { ExportDialog } from "@/components/characters/export-dialog";
import { ImportDialog } from "@/components/characters/import-dialog";
import { Button } from "@/components/ui/button";
import { Field } from "@/components/ui/field";
import { Input } from "@/components/ui/input";
import { Menu, MenuItem, MenuLine } from "@/components/ui/menu";
import { EmptyState, ErrorState, Page, PageHeader, Waiting } from "@/components/ui/states";
import { Switch } from "@/components/ui/switch";
import { useToast } from "@/components/ui/toast";
import { request } from "@/lib/api";
import type { CharacterSummary } from "@/lib/api-schema";
import { useCharactersChanged, useGallery } from "@/lib/characters";
import { cn } from "@/lib/classes";
import { characters as t } from "@/texts/characters";

type Asked =
  | { what: "new" }
  | { what: "import"; file: File | null }
  | { what: "clone" | "export"; character: CharacterSummary };

export function Gallery() {
  const [q, setQ] = useState("");
  const [tag, setTag] = useState("");
  const [archived, setArchived] = useState(false);
  const [asked, setAsked] = useState<Asked | null>(null);
  const [dragged, setDragged] = useState(false);
  const found = useGallery({ q: useDeferredValue(q), tag, archived });
  const shown = found.data?.characters;
  const close = () => setAsked(null);

  function over(event: DragEvent) {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    setDragged(true);
  }

  function drop(event: DragEvent) {
    event.preventDefault();
    setDragged(false);
    const file = event.dataTransfer.files[0];
    if (file) setAsked({ what: "import", file });
  }

  return (
    <div
      className="grow"
      onDragOver={over}
      onDragLeave={(event) => (event.currentTarget.contains(event.relatedTarget as HTMLElement | null) ? undefined : setDragged(false))}
      onDrop={drop}
    >
      <Page wide>
        <PageHeader
          title={t.title}
          intro={t.intro}
          actions={
            <>
              <Button onClick={() => setAsked({ what: "import", file: null })}>
                <Upload size={16} aria-hidden /> {t.importGo}
              </Button>
              <Button look="accent" onClick={() => setAsked({ what: "new" })}>
                <Plus size={16} aria-hidden /> {t.create}
              </Button>
            </>
          }
        />
        <div className="mb-6 grid gap-4">
          <div className="flex flex-wrap items-end gap-x-6 gap-y-3">
            <Field label={t.search} className="w-full max-w-sm">
              <Input type="search" value={q} onChange={(event) => setQ(event.target.value)} placeholder={t.searchExample} />
            </Field>
            <label className="flex h-10 items-center gap-2 text-sm">
              <Switch checked={archived} onCheckedChange={setArchived} />
              {t.archived}
            </label>
          </div>
          <Tags tags={found.data?.tags ?? []} chosen={tag} onChoose={setTag} />
        </div>
        {found.isPending ? <Waiting what={t.loading} /> : null}
        {found.error ? <ErrorState error={found.error} retry={() => void found.refetch()} className="mb-6" /> : null}
        {shown?.length === 0 ? <Nobody sought={Boolean(q || tag)} archived={archived} /> : null}
        <ul className="grid gap-4 sm:grid-cols-2 lg:grid-cols-3">
          {shown?.map((character) => (
            <Card
              key={character.name}
              character={character}
              isDefault={character.name === found.data?.default}
              onAsk={(what) => setAsked({ what, character })}
            />
          ))}
        </ul>
      </Page>
      {dragged ? (
        <div className="pointer-events-none fixed inset-4 z-40 grid place-items-center rounded-lg border-2 border-dashed border-accent bg-accent-soft/90 p-8 text-center text-lg">
          {t.drop}
        </div>
      ) : null}
      {asked?.what === "new" ? <NewDialog onClose={close} /> : null}
      {asked?.what === "import" ? <ImportDialog given={asked.file} onClose={close} /> : null}
      {asked?.what === "clone" ? <CloneDialog character={asked.character} onClose={close} /> : null}
      {asked?.what === "export" ? <ExportDialog character={asked.character} onClose={close} /> : null}
    </div>
  );
}

function Nobody({ sought, archived }: { sought: boolean; archived: boolean }) {
  if (sought) return <EmptyState title={t.none}>{t.noneHint}</EmptyState>;
  if (archived) return <EmptyState title={t.noneArchived}>{t.noneArchivedHint}</EmptyState>;
  return <EmptyState title={t.empty}>{t.emptyHint}</EmptyState>;
}

function Tags({ tags, chosen, onChoose }: { tags: { tag: string; count: number }[]; chosen: string; onChoose: (tag: string) => void }) {
  if (!tags.length) return null;
  return (
    <div role="group" aria-label={t.tags} className="flex max-h-24 flex-wrap gap-1.5 overflow-y-auto">
      {tags.map(({ tag, count }) => (
        <button
          key={tag}
          type="button"
          aria-pressed={tag === chosen}
          onClick={() => onChoose(tag === chosen ? "" : tag)}
          className={cn(
            "h-7 max-w-full truncate rounded-full border px-3 text-xs",
            tag === chosen ? "border-accent bg-accent-soft font-strong text-accent" : "border-line text-soft hover:text-ink",
          )}
        >
          {tag} <span className="tabular-nums">{count}</span>
        </button>
      ))}
    </div>
  );
}

function Card({ character, isDefault, onAsk }: { character: CharacterSummary; isDefault: boolean; onAsk: (what: "clone" | "export") => void }) {
  const { name, display_name: called, archived } = character;
  const changed = useCharactersChanged();
  const say = useToast();
  const edit = `/characters/edit/?name=${encodeURIComponent(name)}`;

  async function change(act: "archive" | "restore") {
    try {
      if (act === "archive") await request("DELETE /api/characters/{name}", { path: { name } });
      else await request("POST /api/characters/{name}/restore", { path: { name } });
      await changed();
      if (act === "archive") say(t.archivedNow(called), { undo: () => void change("restore") });
      else say(t.restoredNow(called));
    } catch (error) {
      say(error instanceof Error ? error.message : String(error), { danger: true });
    }
  }

  const marks = [isDefault ? t.isDefault : null, character.builtin ? t.shipped : null, archived ? t.isArchived : null].filter(Boolean);
  return (
    <li className={cn("relative flex flex-col rounded-lg border border-line bg-raised p-5", archived && "opacity-80")}>
      <div className="flex items-start gap-4">
        <Avatar name={called} src={character.avatar} size={72} />
        <div className="min-w-0 grow pr-6">
          <h2 className="text-base leading-snug font-strong [overflow-wrap:anywhere]">
            <Link href={edit} aria-label={t.edit(called)} className="after:absolute after:inset-0 after:rounded-lg hover:text-accent">
              {called}
            </Link>
          </h2>
          <p className="mt-0.5 text-xs text-soft">{marks.join(" · ") || name}</p>
        </div>
      </div>
      <p className="mt-3 line-clamp-3 font-serif text-sm text-soft [overflow-wrap:anywhere]">{character.description}</p>
      <p className="mt-auto truncate pt-3 text-xs text-soft">{character.tags.join(", ")}</p>
      <div className="absolute top-3 right-3">
        <Menu
          trigger={
            <Button look="quiet" size="icon-small" aria-label={t.actions(called)}>
              <Ellipsis size={16} aria-hidden />
            </Button>
          }
        >
          <MenuItem asChild>
            <Link href={edit}>{t.editGo}</Link>
          </MenuItem>
          {archived ? null : (
            <MenuItem asChild>
              <Link href={`/?character=${encodeURIComponent(name)}`}>{t.talkGo}</Link>
            </MenuItem>
          )}
          <MenuItem onSelect={() => onAsk("clone")}>{t.clone}</MenuItem>
          <MenuItem onSelect={() => onAsk("export")}>{t.exportGo}</MenuItem>
          {isDefault && !archived ? null : (
            <>
              <MenuLine />
              <MenuItem onSelect={() => void change(archived ? "restore" : "archive")}>{archived ? t.restore : t.archive}</MenuItem>
            </>
          )}
        </Menu>
      </div>
    </li>
  );
}
