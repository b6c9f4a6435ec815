"use client";

import Link from "next/link";
import { useSearchParams } from "next/navigation";

import { EditorForm } from "@/components/characters/editor-form";
import { Button } from "@/components/ui/button";
import { EmptyState, ErrorState, Page, PageHeader, Waiting } from "@/components/ui/states";
import { useCharacter, useSchema } from "@/lib/characters";
import { useAccent } from "@/lib/theme";
import { editor as t } from "@/texts/editor";

/** `?name=` says whose definition is edited. */
export function Editor() {
  const name = useSearchParams().get("name") ?? "";
  const character = useCharacter(name);
  const schema = useSchema();
  const drawn = character.data?.character.definition.avatar;
  const colour = drawn && typeof drawn === "object" && !Array.isArray(drawn) ? drawn.accent : undefined;
  useAccent(name || undefined, typeof colour === "string" ? colour : null);
  if (character.data && schema.data) return <EditorForm key={name} first={character.data} schema={schema.data} />;
  const error = character.error ?? schema.error;
  return (
    <Page wide>
      <PageHeader title={t.title} />
      {name ? null : (
        <EmptyState
          title={t.noName}
          action={
            <Button asChild>
              <Link href="/characters/">{t.toGallery}</Link>
            </Button>
          }
        >
          {t.noNameHint}
        </EmptyState>
      )}
      {error ? (
        <ErrorState
          error={error}
          retry={() => {
            void character.refetch();
            void schema.refetch();
          }}
        />
      ) : name ? (
        <Waiting what={t.loading} />
      ) : null}
    </Page>
  );
}
