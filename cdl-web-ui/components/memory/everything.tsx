"use client";

import { useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";

import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { Field } from "@/components/ui/field";
import { Input } from "@/components/ui/input";
import { ErrorState, Section } from "@/components/ui/states";
import { useToast } from "@/components/ui/toast";
import { address, request } from "@/lib/api";
import type { Whose } from "@/lib/memory";
import { memory } from "@/texts/memory";

const t = memory.everything;

/** What is said with one character (its name), or everything (null). */
type Extent = string | null;

export function Everything({ whose, called }: { whose: Whose; called: string }) {
  const [erasing, setErasing] = useState<{ extent: Extent } | null>(null);
  const file = (format: "json" | "ndjson") => address("GET /api/users/{user_id}/export", { path: { user_id: whose.person }, query: { format } });
  return (
    <>
      <Section title={t.exportTitle} intro={t.exportIntro}>
        <div className="flex flex-wrap gap-2">
          <Button asChild>
            <a href={file("json")} download>
              {t.exportGo}
            </a>
          </Button>
          <Button asChild look="quiet">
            <a href={file("ndjson")} download>
              {t.exportLines}
            </a>
          </Button>
        </div>
      </Section>
      <Section title={t.withTitle(called)} intro={t.withIntro}>
        <Button onClick={() => setErasing({ extent: whose.character })}>{t.withGo(called)}</Button>
      </Section>
      <Section title={t.eraseTitle} intro={t.eraseIntro}>
        <Button look="danger" onClick={() => setErasing({ extent: null })}>
          {t.eraseGo}
        </Button>
      </Section>
      {erasing ? <Erase person={whose.person} extent={erasing.extent} called={called} onClose={() => setErasing(null)} /> : null}
    </>
  );
}

function Erase({ person, extent, called, onClose }: { person: string; extent: Extent; called: string; onClose: () => void }) {
  const queries = useQueryClient();
  const say = useToast();
  const [typed, setTyped] = useState("");
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);

  async function erase(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    if (typed !== person) return;
    setBusy(true);
    try {
      const query = { character: extent ?? undefined };
      const answer = await request("DELETE /api/users/{user_id}", { path: { user_id: person }, query });
      say(t.eraseDone(Object.values(answer.deleted).reduce((sum, count) => sum + count, 0)));
      onClose();
      await queries.resetQueries();
    } catch (reason) {
      setError(reason);
      setBusy(false);
    }
  }

  return (
    <Dialog
      open
      onOpenChange={(open) => (open ? undefined : onClose())}
      title={extent === null ? t.eraseDialog(person) : t.withTitle(called)}
      description={t.eraseExplain}
    >
      <form onSubmit={(event) => void erase(event)} className="grid gap-4">
        <Field label={t.eraseField(person)}>
          <Input value={typed} onChange={(event) => setTyped(event.target.value)} autoComplete="off" spellCheck={false} />
        </Field>
        {error ? <ErrorState error={error} /> : null}
        <div className="flex flex-wrap justify-end gap-2">
          <Button onClick={onClose}>{memory.keep}</Button>
          <Button type="submit" look="danger" disabled={typed !== person || busy}>
            {extent === null ? t.eraseGo : t.withGo(called)}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
