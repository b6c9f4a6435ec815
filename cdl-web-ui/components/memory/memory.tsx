"use client";

import dynamic from "next/dynamic";
import Link from "next/link";
import { usePathname, useRouter, useSearchParams } from "next/navigation";
import type { FormEvent } from "react";

import { Everything } from "@/components/memory/everything";
import { Facts } from "@/components/memory/facts";
import { LearningNow } from "@/components/memory/learning-now";
import { Memories } from "@/components/memory/memories";
import { Button } from "@/components/ui/button";
import { Field } from "@/components/ui/field";
import { Choice, Input } from "@/components/ui/input";
import { EmptyState, ErrorState, Page, PageHeader, Waiting } from "@/components/ui/states";
import { Tabs } from "@/components/ui/tabs";
import { usePersonShown, type Whose } from "@/lib/memory";
import { usePerson } from "@/lib/session";
import { useCharacters } from "@/lib/talk";
import { useAccent } from "@/lib/theme";
import { memory as t } from "@/texts/memory";

const Feelings = dynamic(() => import("@/components/memory/feelings").then((part) => part.Feelings), { ssr: false });
const RelationshipView = dynamic(() => import("@/components/memory/relationship").then((part) => part.RelationshipView), { ssr: false });

/** What is kept of a person: everything can be looked at, changed and erased. */
export function Memory() {
  const own = usePerson();
  const query = useSearchParams();
  const router = useRouter();
  const path = usePathname();
  const person = query.get("person") ?? own.person;
  const shown = usePersonShown(person);
  const characters = useCharacters();
  const talkedTo = shown.data?.characters ?? [];
  const names = talkedTo.length ? talkedTo.map((each) => each.name) : characters.data ? [characters.data.default] : [];
  const character = names.find((each) => each === query.get("character")) ?? names[0] ?? "";
  const whose: Whose = { person, character };
  const called = (name: string) => characters.data?.characters.find((each) => each.name === name)?.display_name ?? name;
  const named = shown.data?.display_name || person;
  useAccent(character || undefined, characters.data?.characters.find((each) => each.name === character)?.color);

  function go(changes: Record<string, string>) {
    const next = new URLSearchParams(query.toString());
    for (const [name, value] of Object.entries(changes)) next.set(name, value);
    router.replace(`${path}?${next.toString()}`, { scroll: false });
  }

  function choosePerson(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const name = String(new FormData(event.currentTarget).get("person") ?? "").trim();
    if (name) go({ person: name });
  }

  return (
    <Page>
      <PageHeader title={t.title} intro={t.intro(named, called(character))} />
      <div className="mb-8 flex flex-wrap items-end gap-4">
        <form key={person} onSubmit={choosePerson} className="flex max-w-full items-end gap-2">
          <Field label={t.person} className="min-w-0">
            <Input name="person" defaultValue={person} maxLength={200} autoComplete="off" className="max-w-48" />
          </Field>
          <Button type="submit">{t.personGo}</Button>
        </form>
        {names.length ? (
          <Field label={t.character}>
            <Choice value={character} onChange={(event) => go({ character: event.target.value })} className="max-w-48">
              {names.map((name) => (
                <option key={name} value={name}>
                  {called(name)}
                </option>
              ))}
            </Choice>
          </Field>
        ) : null}
      </div>
      {shown.isPending ? <Waiting what={t.loading} /> : null}
      {shown.error ? <ErrorState error={shown.error} retry={() => void shown.refetch()} /> : null}
      {shown.data === null ? (
        <EmptyState
          title={t.unknownTitle}
          action={
            <Button asChild look="accent">
              <Link href="/">{t.unknownAction}</Link>
            </Button>
          }
        >
          {t.unknown}
        </EmptyState>
      ) : null}
      {shown.data ? (
        <>
          <LearningNow />
          <Tabs
            label={t.tabs.label}
            value={query.get("part") ?? "feelings"}
            onChange={(part) => go({ part })}
            tabs={[
              { value: "feelings", label: t.tabs.feelings, content: <Feelings whose={whose} /> },
              { value: "facts", label: t.tabs.facts, content: <Facts whose={whose} /> },
              { value: "memories", label: t.tabs.memories, content: <Memories whose={whose} /> },
              { value: "relationship", label: t.tabs.relationship, content: <RelationshipView whose={whose} /> },
              { value: "everything", label: t.tabs.everything, content: <Everything whose={whose} called={called(character)} /> },
            ]}
          />
        </>
      ) : null}
    </Page>
  );
}
