"use client";

import { useRouter } from "next/navigation";

import { Hello } from "@/components/welcome/hello";
import { ModelStep } from "@/components/welcome/model-step";
import { Avatar } from "@/components/avatar";
import { Button } from "@/components/ui/button";
import { ErrorState, Page, PageHeader, Section, Waiting } from "@/components/ui/states";
import { cn } from "@/lib/classes";
import { useStored } from "@/lib/stored";
import { useCharacters } from "@/lib/talk";
import { useAccent } from "@/lib/theme";
import type { CharacterSummary } from "@/lib/api-schema";
import { welcome as t } from "@/texts/welcome";

/** The first run: a model, a character, the first words. Everything can be skipped. */
export function Welcome() {
  const router = useRouter();
  const [, keepWelcomed] = useStored("welcomed");
  const [chosen, choose] = useStored("character");
  const characters = useCharacters();
  const list = characters.data?.characters ?? [];
  const character = list.find((each) => each.name === chosen) ?? list.find((each) => each.name === characters.data?.default) ?? list[0];
  useAccent(character?.name, character?.color);

  function leave() {
    keepWelcomed("1");
    router.push("/");
  }

  return (
    <Page>
      <PageHeader title={t.title} intro={t.intro} actions={<Button onClick={leave}>{t.skip}</Button>} />
      <ModelStep />
      <Section title={t.character.title} intro={t.character.intro}>
        {characters.error ? <ErrorState error={characters.error} retry={() => void characters.refetch()} /> : null}
        {characters.isPending ? <Waiting what={t.character.title} /> : null}
        <fieldset className="grid gap-3 sm:grid-cols-2">
          <legend className="sr-only">{t.character.legend}</legend>
          {list.map((each) => (
            <CharacterCard key={each.name} character={each} chosen={each === character} onChoose={() => choose(each.name)} />
          ))}
        </fieldset>
      </Section>
      {character ? <Hello key={character.name} character={character} onLeave={leave} onSaid={() => keepWelcomed("1")} /> : null}
    </Page>
  );
}

function CharacterCard({ character, chosen, onChoose }: { character: CharacterSummary; chosen: boolean; onChoose: () => void }) {
  return (
    <label
      className={cn(
        "flex cursor-pointer gap-3 rounded-lg border bg-raised p-4 has-focus-visible:outline-2 has-focus-visible:outline-offset-2 has-focus-visible:outline-accent",
        chosen ? "border-accent" : "border-line",
      )}
    >
      <input type="radio" name="character" value={character.name} checked={chosen} onChange={onChoose} className="sr-only" />
      <Avatar name={character.display_name} src={character.avatar} size={48} />
      <span className="grid content-start gap-0.5">
        <span className="line-clamp-2 font-strong">{character.display_name}</span>
        <span className="line-clamp-3 text-sm text-soft">{character.description}</span>
      </span>
    </label>
  );
}
