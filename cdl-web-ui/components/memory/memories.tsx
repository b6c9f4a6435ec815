"use client";

import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Ellipsis, Pin } from "lucide-react";
import { type FormEvent, useState } from "react";

import { EditDialog } from "@/components/memory/edit-dialog";
import { FeelingMark } from "@/components/feeling";
import { Button } from "@/components/ui/button";
import { Input } from "@/components/ui/input";
import { Menu, MenuItem } from "@/components/ui/menu";
import { EmptyState, ErrorState, Section, Waiting } from "@/components/ui/states";
import { useToast } from "@/components/ui/toast";
import { request } from "@/lib/api";
import { recalled, useMemoryChange, type Whose } from "@/lib/memory";
import { dayAndTime } from "@/lib/times";
import { useUndoable } from "@/lib/undoable";
import { memory } from "@/texts/memory";

const t = memory.memories;
const PAGE = 50;

/** A message or a search result, as the list shows both. */
interface Entry {
  id: string;
  byPerson: boolean;
  content: string;
  saidAt: string;
  pinned: boolean;
  edited: boolean;
  feeling: string | null;
  score: number | null;
}

export function Memories({ whose }: { whose: Whose }) {
  const [words, setWords] = useState("");
  const [hidden, setHidden] = useState<readonly string[]>([]);
  const [editing, setEditing] = useState<Entry | null>(null);
  const change = useMemoryChange(whose);
  const say = useToast();
  const undoable = useUndoable();
  const failed = (error: unknown) => say(error instanceof Error ? error.message : String(error), { danger: true });

  function forget(entry: Entry) {
    const show = () => setHidden((now) => now.filter((id) => id !== entry.id));
    setHidden((now) => [...now, entry.id]);
    const act = undoable(() => change("DELETE /api/users/{user_id}/memories/{message_id}", { message_id: entry.id }).catch(failed).finally(show));
    say(t.forgotten, { undo: () => (act.cancel(), show()), done: act.now });
  }

  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    setWords(String(new FormData(event.currentTarget).get("words") ?? "").trim());
  }

  const list = { whose, hidden, onEdit: setEditing, onForget: forget, onPin: (entry: Entry) => void change("PATCH /api/users/{user_id}/memories/{message_id}", { message_id: entry.id }, { pinned: !entry.pinned }).catch(failed) };
  return (
    <Section title={t.title} intro={t.intro}>
      <form onSubmit={submit} role="search" className="mb-6 flex max-w-xl flex-wrap items-end gap-2">
        <Input name="words" type="search" aria-label={t.search} placeholder={t.example} autoComplete="off" className="w-auto! grow" />
        <Button type="submit">{t.go}</Button>
        {words ? (
          <Button type="reset" look="quiet" onClick={() => setWords("")}>
            {t.all}
          </Button>
        ) : null}
      </form>
      {words ? <Searched {...list} words={words} /> : <All {...list} />}
      {editing ? (
        <EditDialog
          title={t.edit}
          label={t.editField}
          text={editing.content}
          onClose={() => setEditing(null)}
          onSave={(content) => change("PATCH /api/users/{user_id}/memories/{message_id}", { message_id: editing.id }, { content })}
        />
      ) : null}
    </Section>
  );
}

interface ListProps {
  whose: Whose;
  hidden: readonly string[];
  onEdit: (entry: Entry) => void;
  onForget: (entry: Entry) => void;
  onPin: (entry: Entry) => void;
}

function All(props: ListProps) {
  const { whose } = props;
  const found = useInfiniteQuery({
    queryKey: ["memory", whose.person, whose.character, "messages"],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, signal }) =>
      request("GET /api/users/{user_id}/messages", {
        path: { user_id: whose.person },
        query: { character: whose.character, before: pageParam, limit: PAGE },
        signal,
      }),
    getNextPageParam: (page) => (page.messages.length === PAGE ? page.next_before : undefined),
  });
  const entries = (found.data?.pages ?? [])
    .flatMap((page) => page.messages)
    .map<Entry>((each) => ({
      id: each.message_id,
      byPerson: each.role === "person",
      content: each.content,
      saidAt: each.said_at,
      pinned: each.pinned,
      edited: each.edited_at !== null,
      feeling: each.feeling,
      score: null,
    }));
  return (
    <>
      {found.isPending ? <Waiting what={memory.loading} /> : null}
      {found.error ? <ErrorState error={found.error} retry={() => void found.refetch()} /> : null}
      {found.data && entries.length === 0 ? <EmptyState title={t.empty} /> : null}
      <List {...props} entries={entries} />
      {found.hasNextPage ? (
        <Button className="mt-4" onClick={() => void found.fetchNextPage()} disabled={found.isFetchingNextPage}>
          {t.more}
        </Button>
      ) : null}
    </>
  );
}

function Searched({ words, ...props }: ListProps & { words: string }) {
  const { person, character } = props.whose;
  const found = useQuery({
    queryKey: ["memory", person, character, "recalled", words],
    queryFn: ({ signal }) => recalled(person, { q: words, character, limit: 50 }, signal),
  });
  const entries = (found.data ?? []).map<Entry>((each) => ({
    id: each.id,
    byPerson: each.speaker === "user",
    content: each.content,
    saidAt: each.said_at,
    pinned: each.pinned,
    edited: false,
    feeling: null,
    score: each.score,
  }));
  return (
    <>
      {found.isPending ? <Waiting what={memory.loading} /> : null}
      {found.error ? <ErrorState error={found.error} retry={() => void found.refetch()} /> : null}
      {found.data && entries.length === 0 ? <p className="text-soft">{t.none}</p> : null}
      <List {...props} entries={entries} />
    </>
  );
}

function List({ entries, hidden, onEdit, onForget, onPin }: ListProps & { entries: Entry[] }) {
  return (
    <ul className="divide-y divide-line">
      {entries
        .filter((entry) => !hidden.includes(entry.id))
        .map((entry) => (
          <li key={entry.id} className="flex items-start gap-3 py-3">
            <div className="min-w-0 grow">
              <p className="flex flex-wrap items-center gap-x-3 text-xs text-soft">
                <span className="font-strong text-ink">{entry.byPerson ? t.by.person : t.by.character}</span>
                <span>{dayAndTime(entry.saidAt)}</span>
                <FeelingMark feeling={entry.feeling} />
                {entry.score === null ? null : <span className="tabular-nums">{t.score(entry.score.toFixed(2))}</span>}
                {entry.edited ? <span>{t.edited}</span> : null}
                {entry.pinned ? (
                  <span className="inline-flex items-center gap-1">
                    <Pin size={11} aria-hidden /> {t.pinned}
                  </span>
                ) : null}
              </p>
              <p className="mt-1 line-clamp-4 [overflow-wrap:anywhere] whitespace-pre-wrap">{entry.content}</p>
            </div>
            <Menu
              trigger={
                <Button look="quiet" size="icon-small" aria-label={t.actions(entry.content.slice(0, 60))}>
                  <Ellipsis size={16} aria-hidden />
                </Button>
              }
            >
              <MenuItem onSelect={() => onEdit(entry)}>{t.edit}</MenuItem>
              <MenuItem onSelect={() => onPin(entry)}>{entry.pinned ? t.unpin : t.pin}</MenuItem>
              <MenuItem danger onSelect={() => onForget(entry)}>
                {t.forget}
              </MenuItem>
            </Menu>
          </li>
        ))}
    </ul>
  );
}
