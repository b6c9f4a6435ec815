"use client";

import { type FormEvent, useMemo } from "react";

import { PendingView } from "@/components/chat/pending-view";
import { Words } from "@/components/chat/message-view";
import { Button } from "@/components/ui/button";
import { Field } from "@/components/ui/field";
import { Input } from "@/components/ui/input";
import { Section } from "@/components/ui/states";
import { usePerson } from "@/lib/session";
import { storedChannel, useTalk } from "@/lib/talk";
import type { CharacterSummary } from "@/lib/api-schema";
import { welcome } from "@/texts/welcome";

const t = welcome.hello;
const CHANNEL = "page";

export function Hello({ character, onLeave, onSaid }: { character: CharacterSummary; onLeave: () => void; onSaid: () => void }) {
  const { person, tied, setPerson } = usePerson();
  const talk = useTalk(
    useMemo(() => ({ person, character: character.name, channel: CHANNEL }), [person, character.name]),
    storedChannel(CHANNEL),
  );
  const answered = talk.messages.length > 0;

  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const words = String(new FormData(event.currentTarget).get("words") ?? "").trim();
    if (!words) return;
    onSaid();
    void talk.say(words);
  }

  return (
    <Section title={t.title}>
      <form onSubmit={submit} className="grid max-w-xl gap-5">
        {tied || answered || talk.pending ? null : (
          <Field label={t.name} help={t.nameHelp}>
            <Input
              defaultValue={person}
              placeholder={t.nameExample}
              maxLength={200}
              autoComplete="nickname"
              onBlur={(event) => {
                const name = event.target.value.trim();
                if (name && name !== person) setPerson(name);
              }}
            />
          </Field>
        )}
        <Field label={t.field}>
          <Input name="words" defaultValue={t.example} maxLength={8000} autoComplete="off" />
        </Field>
        <Button type="submit" look="accent" className="justify-self-start" disabled={talk.pending !== null}>
          {t.send}
        </Button>
      </form>
      <div className="mt-6 grid max-w-[68ch] gap-6" aria-live="polite">
        {talk.messages.slice(-2).map((each) => (
          <Words key={each.message_id} byPerson={each.role === "person"} text={each.content} />
        ))}
        {talk.pending ? (
          <PendingView pending={talk.pending} name={character.display_name} onRetry={() => void talk.retry()} onDismiss={talk.dismiss} />
        ) : null}
        {answered ? (
          <Button look="accent" onClick={onLeave} className="justify-self-start">
            {t.go}
          </Button>
        ) : null}
      </div>
    </Section>
  );
}
