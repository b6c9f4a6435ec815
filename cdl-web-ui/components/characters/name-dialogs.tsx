"use client";

import { zodResolver } from "@hookform/resolvers/zod";
import { useRouter } from "next/navigation";
import { useState } from "react";
import { useForm } from "react-hook-form";
import { z } from "zod";

import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { Field } from "@/components/ui/field";
import { Input } from "@/components/ui/input";
import { ErrorState } from "@/components/ui/states";
import { request } from "@/lib/api";
import type { Character, CharacterSummary } from "@/lib/api-schema";
import { create, slugOf, useCharactersChanged } from "@/lib/characters";
import { characters as t } from "@/texts/characters";

const SLUG = /^[a-z0-9]([a-z0-9_-]{0,62}[a-z0-9])?$/;
const Names = z.object({ shown: z.string().trim().min(1, t.nameNeeded).max(200), slug: z.string().trim().regex(SLUG, t.slugWrong) });
type Names = z.infer<typeof Names>;

/** Asks for the names of a character and goes on to the editor once `make` has made it. */
function NameForm({ shown, slug, go, make }: Names & { go: string; make: (names: Names) => Promise<Character> }) {
  const router = useRouter();
  const changed = useCharactersChanged();
  const [error, setError] = useState<unknown>(null);
  const form = useForm<Names>({ resolver: zodResolver(Names), mode: "onTouched", defaultValues: { shown, slug } });
  const { errors, isSubmitting } = form.formState;

  async function submit(names: Names) {
    setError(null);
    try {
      const made = await make(names);
      await changed();
      router.push(`/characters/edit/?name=${encodeURIComponent(made.name)}`);
    } catch (reason) {
      setError(reason);
    }
  }

  return (
    <form noValidate className="grid gap-5" onSubmit={(event) => void form.handleSubmit(submit)(event)}>
      <Field label={t.newField} error={errors.shown?.message}>
        <Input
          placeholder={t.newExample}
          autoComplete="off"
          {...form.register("shown", {
            onChange: (event: { target: { value: string } }) => {
              if (!form.formState.dirtyFields.slug) form.setValue("slug", slugOf(event.target.value));
            },
          })}
        />
      </Field>
      <Field label={t.slug} help={t.slugHelp} error={errors.slug?.message}>
        <Input autoComplete="off" spellCheck={false} {...form.register("slug")} />
      </Field>
      {error ? <ErrorState error={error} /> : null}
      <Button type="submit" look="accent" disabled={isSubmitting} className="justify-self-end">
        {go}
      </Button>
    </form>
  );
}

export function NewDialog({ onClose }: { onClose: () => void }) {
  return (
    <Dialog open onOpenChange={onClose} title={t.newTitle} description={t.newExplain}>
      <NameForm
        shown=""
        slug=""
        go={t.newGo}
        make={({ shown, slug }) => create({ cdl: "3.0", name: slug, identity: { full_name: shown } })}
      />
    </Dialog>
  );
}

export function CloneDialog({ character, onClose }: { character: CharacterSummary; onClose: () => void }) {
  return (
    <Dialog open onOpenChange={onClose} title={t.cloneTitle(character.display_name)} description={t.cloneExplain}>
      <NameForm
        shown={character.display_name}
        slug={`${character.name.slice(0, 59)}_copy`}
        go={t.cloneGo}
        make={async ({ shown, slug }) => {
          const { character: made } = await request("POST /api/characters/{name}/clone", { path: { name: character.name }, body: { name: slug } });
          if (shown === made.display_name) return made;
          const body = { definition: { identity: { full_name: shown } } };
          return (await request("PATCH /api/characters/{name}", { path: { name: slug }, body })).character;
        }}
      />
    </Dialog>
  );
}
