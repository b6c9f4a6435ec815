"use client";

import { zodResolver } from "@hookform/resolvers/zod";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useForm, useWatch } from "react-hook-form";
import { z } from "zod";

import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { Field } from "@/components/ui/field";
import { Choice, Input } from "@/components/ui/input";
import { EmptyState, ErrorState, Section, Waiting } from "@/components/ui/states";
import { Cell, Row, Table } from "@/components/ui/table";
import { request } from "@/lib/api";
import type { Key } from "@/lib/api-schema";
import { useCharacters } from "@/lib/talk";
import { day } from "@/lib/times";
import { settings } from "@/texts/settings";

const t = settings.keys;

/** Who may call the service. A key is shown once, when it is made. */
export function Keys() {
  const found = useQuery({ queryKey: ["keys"], queryFn: () => request("GET /api/keys") });
  const [revoking, setRevoking] = useState<Key | null>(null);
  const list = found.data?.keys;
  return (
    <>
      <Section title={t.title} intro={t.intro}>
        {found.isPending ? <Waiting what={t.loading} /> : null}
        {found.error ? <ErrorState error={found.error} retry={() => void found.refetch()} /> : null}
        {list?.length === 0 ? <EmptyState title={t.none}>{t.noneHint}</EmptyState> : null}
        {list?.length ? (
          <Table caption={t.table} head={[...t.head.slice(0, -1), <span key="do" className="sr-only">{t.head.at(-1)}</span>]}>
            {list.map((key) => (
              <Row key={key.prefix} className={key.revoked_at ? "text-soft" : undefined}>
                <Cell>
                  <code>{key.prefix}…</code>
                </Cell>
                <Cell className="[overflow-wrap:anywhere]">{key.name}</Cell>
                <Cell>
                  {t.scope[key.scope]} {key.person ? t.person(key.person) : null} {key.character ? t.character(key.character) : null}
                </Cell>
                <Cell className="whitespace-nowrap">{day(key.created_at)}</Cell>
                <Cell className="whitespace-nowrap">{key.last_used_at ? day(key.last_used_at) : t.never}</Cell>
                <Cell className="text-right whitespace-nowrap">
                  {key.revoked_at ? (
                    t.revoked(day(key.revoked_at))
                  ) : (
                    <Button size="small" aria-label={`${t.revoke} ${key.name || key.prefix}`} onClick={() => setRevoking(key)}>
                      {t.revoke}
                    </Button>
                  )}
                </Cell>
              </Row>
            ))}
          </Table>
        ) : null}
      </Section>
      <Make />
      {revoking ? <Revoke apiKey={revoking} onClose={() => setRevoking(null)} /> : null}
    </>
  );
}

const NewKey = z.object({ name: z.string().trim(), scope: z.enum(["chat", "admin"]), person: z.string().trim(), character: z.string() });
type NewKey = z.infer<typeof NewKey>;
const EMPTY: NewKey = { name: "", scope: "chat", person: "", character: "" };

function Make() {
  const queries = useQueryClient();
  const characters = useCharacters();
  const form = useForm<NewKey>({ resolver: zodResolver(NewKey), defaultValues: EMPTY });
  const scope = useWatch({ control: form.control, name: "scope" });
  const [copied, setCopied] = useState(false);
  const make = useMutation({
    mutationFn: ({ name, scope, person, character }: NewKey) =>
      request("POST /api/keys", { body: scope === "chat" ? { name, scope, person, character } : { name, scope } }),
    onSuccess: () => {
      form.reset(EMPTY);
      setCopied(false);
      return queries.invalidateQueries({ queryKey: ["keys"] });
    },
  });
  const made = make.data?.key;
  return (
    <Section title={t.makeTitle}>
      <form noValidate className="grid max-w-xl gap-5" onSubmit={(event) => void form.handleSubmit((values) => make.mutate(values))(event)}>
        <Field label={t.name}>
          <Input placeholder={t.nameExample} autoComplete="off" maxLength={200} {...form.register("name")} />
        </Field>
        <Field label={t.may}>
          <Choice {...form.register("scope")}>
            <option value="chat">{t.scope.chat}</option>
            <option value="admin">{t.scope.admin}</option>
          </Choice>
        </Field>
        {scope === "chat" ? (
          <div className="grid gap-5 sm:grid-cols-2">
            <Field label={t.tiedPerson} help={t.tiedPersonHelp}>
              <Input autoComplete="off" maxLength={200} {...form.register("person")} />
            </Field>
            <Field label={t.tiedCharacter}>
              <Choice {...form.register("character")}>
                <option value="">{t.anyCharacter}</option>
                {characters.data?.characters.map((each) => (
                  <option key={each.name} value={each.name}>
                    {each.display_name}
                  </option>
                ))}
              </Choice>
            </Field>
          </div>
        ) : null}
        {make.error ? <ErrorState error={make.error} /> : null}
        <Button type="submit" look="accent" disabled={make.isPending} className="justify-self-start">
          {t.make}
        </Button>
      </form>
      {made ? (
        <div role="status" className="mt-5 grid max-w-xl justify-items-start gap-2 rounded-md bg-accent-soft p-4">
          <p className="text-sm">{t.made}</p>
          <code className="text-sm break-all">{made}</code>
          <Button size="small" onClick={() => void navigator.clipboard.writeText(made).then(() => setCopied(true))}>
            {copied ? t.copied : t.copy}
          </Button>
        </div>
      ) : null}
    </Section>
  );
}

function Revoke({ apiKey, onClose }: { apiKey: Key; onClose: () => void }) {
  const queries = useQueryClient();
  const [typed, setTyped] = useState("");
  const revoke = useMutation({
    mutationFn: () => request("DELETE /api/keys/{prefix}", { path: { prefix: apiKey.prefix } }),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ["keys"] });
      onClose();
    },
  });
  return (
    <Dialog
      open
      onOpenChange={onClose}
      title={t.revokeTitle(apiKey.name || apiKey.prefix)}
      description={t.revokeExplain}
      actions={
        <Button look="danger" disabled={typed !== apiKey.prefix || revoke.isPending} onClick={() => revoke.mutate()}>
          {t.revokeGo}
        </Button>
      }
    >
      <Field label={t.revokeField(apiKey.prefix)}>
        <Input value={typed} autoComplete="off" spellCheck={false} onChange={({ target }) => setTyped(target.value)} />
      </Field>
      {revoke.error ? <ErrorState error={revoke.error} /> : null}
    </Dialog>
  );
}
