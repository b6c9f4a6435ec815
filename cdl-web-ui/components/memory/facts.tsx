"use client";

import { Ellipsis, Pin } from "lucide-react";
import { type FormEvent, useState } from "react";

import { EditDialog } from "@/components/memory/edit-dialog";
import { Button } from "@/components/ui/button";
import { Field } from "@/components/ui/field";
import { Input } from "@/components/ui/input";
import { Menu, MenuItem } from "@/components/ui/menu";
import { EmptyState, ErrorState, Section, Waiting } from "@/components/ui/states";
import { Switch } from "@/components/ui/switch";
import { Cell, Row, Table } from "@/components/ui/table";
import { useToast } from "@/components/ui/toast";
import { useMemory, useMemoryChange, type Whose } from "@/lib/memory";
import { day } from "@/lib/times";
import type { Fact } from "@/lib/api-schema";
import { useUndoable } from "@/lib/undoable";
import { memory } from "@/texts/memory";

const t = memory.facts;

export function Facts({ whose }: { whose: Whose }) {
  const [past, setPast] = useState(false);
  const [hidden, setHidden] = useState<readonly string[]>([]);
  const [editing, setEditing] = useState<Fact | null>(null);
  const found = useMemory(whose, "GET /api/users/{user_id}/facts", { past, limit: 500 });
  const change = useMemoryChange(whose);
  const say = useToast();
  const undoable = useUndoable();
  const facts = (found.data?.facts ?? []).filter((fact) => !hidden.includes(fact.fact_id));
  const failed = (error: unknown) => say(error instanceof Error ? error.message : String(error), { danger: true });

  function forget(fact: Fact) {
    const show = () => setHidden((now) => now.filter((id) => id !== fact.fact_id));
    setHidden((now) => [...now, fact.fact_id]);
    const act = undoable(() => change("DELETE /api/users/{user_id}/facts/{fact_id}", { fact_id: fact.fact_id }).catch(failed).finally(show));
    say(t.forgotten, { undo: () => (act.cancel(), show()), done: act.now });
  }

  return (
    <Section
      title={t.title}
      intro={t.intro}
      actions={
        <label className="flex items-center gap-2 text-sm">
          <Switch checked={past} onCheckedChange={setPast} />
          {t.past}
        </label>
      }
    >
      {found.isPending ? <Waiting what={memory.loading} /> : null}
      {found.error ? <ErrorState error={found.error} retry={() => void found.refetch()} /> : null}
      {found.data && facts.length === 0 ? <EmptyState title={t.empty}>{t.emptyHint}</EmptyState> : null}
      {facts.length ? (
        <Table caption={t.table} head={[...t.head.slice(0, -1), <span key="do" className="sr-only">{t.head.at(-1)}</span>]}>
          {facts.map((fact) => (
            <Row key={fact.fact_id} className={fact.superseded_at ? "text-soft" : undefined}>
              <Cell className="min-w-40 [overflow-wrap:anywhere]">
                {fact.text}
                {fact.pinned ? (
                  <span className="ml-2 inline-flex items-center gap-1 text-xs text-soft">
                    <Pin size={11} aria-hidden /> {t.pinned}
                  </span>
                ) : null}
              </Cell>
              <Cell className="whitespace-nowrap">
                {fact.superseded_at ? t.until(day(fact.valid_from), day(fact.superseded_at)) : t.since(day(fact.valid_from))}
              </Cell>
              <Cell>{t.origin[fact.origin] ?? fact.origin}</Cell>
              <Cell className="tabular-nums">{Math.round(fact.confidence * 100)} %</Cell>
              <Cell className="text-right">
                {fact.superseded_at ? null : (
                  <Menu
                    trigger={
                      <Button look="quiet" size="icon-small" aria-label={t.actions(fact.text)}>
                        <Ellipsis size={16} aria-hidden />
                      </Button>
                    }
                  >
                    <MenuItem onSelect={() => setEditing(fact)}>{t.edit}</MenuItem>
                    <MenuItem onSelect={() => void change("PATCH /api/users/{user_id}/facts/{fact_id}", { fact_id: fact.fact_id }, { pinned: !fact.pinned }).catch(failed)}>
                      {fact.pinned ? t.unpin : t.pin}
                    </MenuItem>
                    <MenuItem danger onSelect={() => forget(fact)}>
                      {t.forget}
                    </MenuItem>
                  </Menu>
                )}
              </Cell>
            </Row>
          ))}
        </Table>
      ) : null}
      <Tell whose={whose} />
      {editing ? (
        <EditDialog
          title={t.edit}
          label={t.editField}
          text={editing.text}
          onClose={() => setEditing(null)}
          onSave={(text) => change("PATCH /api/users/{user_id}/facts/{fact_id}", { fact_id: editing.fact_id }, { text })}
        />
      ) : null}
    </Section>
  );
}

function Tell({ whose }: { whose: Whose }) {
  const change = useMemoryChange(whose);
  const say = useToast();
  const [error, setError] = useState<unknown>(null);

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = event.currentTarget;
    const text = String(new FormData(form).get("text") ?? "").trim();
    if (!text) return;
    setError(null);
    try {
      const answer = await change("POST /api/users/{user_id}/facts", {}, { text });
      if (!answer.new) say(t.tellKnown);
      form.reset();
    } catch (reason) {
      setError(reason);
    }
  }

  return (
    <form onSubmit={(event) => void submit(event)} className="mt-6 grid max-w-xl gap-2">
      <div className="flex items-end gap-2">
        <Field label={t.tell} className="grow">
          <Input name="text" placeholder={t.tellExample} maxLength={300} autoComplete="off" />
        </Field>
        <Button type="submit">{t.tellSave}</Button>
      </div>
      {error ? <ErrorState error={error} /> : null}
    </form>
  );
}
