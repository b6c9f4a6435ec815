"use client";

import { Plus, X } from "lucide-react";
import { useState } from "react";

import type { Edited } from "@/components/characters/leaf";
import { Detail } from "@/components/characters/list";
import { Button } from "@/components/ui/button";
import { Sheet } from "@/components/ui/dialog";
import { Field } from "@/components/ui/field";
import { Input } from "@/components/ui/input";
import { Switch } from "@/components/ui/switch";
import { Cell, Row, Table } from "@/components/ui/table";
import { useToast } from "@/components/ui/toast";
import { useProblem } from "@/lib/characters-problems";
import { isDocument, labelOf } from "@/lib/characters-schema";
import type { Document, Json } from "@/lib/characters-types";
import { editor } from "@/texts/editor";

const t = editor.lorebook;
const SHOWN = 100;
/** What most entries are made of comes first; everything else follows in the schema's order. */
const FIRST = ["name", "keys", "content", "enabled", "constant"];

/** The entries of the lorebook as a table; one at a time is open beside it. */
export function Entries({ node, place, value, onChange }: Edited) {
  const entries = (Array.isArray(value) ? value : []).map((each): Document => (isDocument(each) ? each : {}));
  const [open, setOpen] = useState<number | null>(null);
  const [q, setQ] = useState("");
  const say = useToast();
  const problem = useProblem(place);
  const sought = q.trim().toLowerCase();
  const found = entries
    .map((entry, index) => ({ entry, index }))
    .filter(({ entry }) => !sought || JSON.stringify([entry.name, entry.comment, entry.keys, entry.content]).toLowerCase().includes(sought));

  const set = (index: number, entry: Document) => onChange(entries.map((each, other) => (other === index ? entry : each)));
  const titleOf = (entry: Document, index: number) => text(entry.name) || text(entry.comment) || t.unnamed(index + 1);

  function add() {
    onChange([...entries, { keys: [], content: "", enabled: true }]);
    setOpen(entries.length);
  }

  function remove(index: number) {
    onChange(entries.toSpliced(index, 1));
    say(editor.list.removed, { undo: () => onChange(entries) });
  }

  const opened = open === null ? undefined : entries[open];
  return (
    <div className="grid gap-3">
      <div className="flex flex-wrap items-end justify-between gap-3">
        <Field label={t.search} className="w-full max-w-xs">
          <Input type="search" value={q} onChange={({ target }) => setQ(target.value)} />
        </Field>
        <Button onClick={add}>
          <Plus size={16} aria-hidden /> {t.add}
        </Button>
      </div>
      {problem ? <p className="text-sm text-danger">{problem}</p> : null}
      {entries.length === 0 ? <p className="text-sm text-soft">{t.empty}</p> : null}
      {found.length ? (
        <Table caption={t.table} head={[...t.head.slice(0, -1), <span key="do" className="sr-only">{t.head.at(-1)}</span>]}>
          {found.slice(0, SHOWN).map(({ entry, index }) => (
            <Row key={index}>
              <Cell>
                <Switch
                  aria-label={t.inUse(titleOf(entry, index))}
                  checked={entry.enabled !== false}
                  onCheckedChange={(enabled) => set(index, { ...entry, enabled })}
                />
              </Cell>
              <Cell className="min-w-24 [overflow-wrap:anywhere]">
                <button type="button" className="text-left font-strong text-accent hover:underline" onClick={() => setOpen(index)} aria-label={t.open(titleOf(entry, index))}>
                  {titleOf(entry, index)}
                </button>
              </Cell>
              <Cell className="max-w-40 truncate">{entry.constant === true ? t.always : list(entry.keys).join(", ")}</Cell>
              <Cell className="max-w-48 truncate text-soft">{text(entry.content)}</Cell>
              <Cell className="tabular-nums">{typeof entry.insertion_order === "number" ? entry.insertion_order : ""}</Cell>
              <Cell className="text-right">
                <Button look="quiet" size="icon-small" aria-label={t.remove(titleOf(entry, index))} onClick={() => remove(index)}>
                  <X size={16} aria-hidden />
                </Button>
              </Cell>
            </Row>
          ))}
        </Table>
      ) : null}
      {found.length > SHOWN ? <p className="text-sm text-soft">{t.more(found.length - SHOWN)}</p> : null}
      {open !== null && opened ? (
        <Sheet open onOpenChange={() => setOpen(null)} title={titleOf(opened, open)} description={t.entryExplain} className="sm:w-[32rem]">
          <div className="grid gap-5 pb-6">
            {ordered(Object.keys(node.items?.properties ?? {})).map((name) => (
              <Detail
                key={name}
                node={node.items?.properties?.[name] ?? {}}
                place={`${place}.${open}.${name}`}
                label={labelOf(name)}
                value={opened[name]}
                onChange={(next) => set(open, { ...opened, [name]: next })}
              />
            ))}
          </div>
        </Sheet>
      ) : null}
    </div>
  );
}

function ordered(names: string[]): string[] {
  return [...FIRST.filter((name) => names.includes(name)), ...names.filter((name) => !FIRST.includes(name))];
}

function text(value: Json | undefined): string {
  return typeof value === "string" ? value : "";
}

function list(value: Json | undefined): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}
