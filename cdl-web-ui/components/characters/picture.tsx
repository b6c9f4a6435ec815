"use client";

import { useMutation } from "@tanstack/react-query";
import { useId, useState } from "react";

import { Avatar } from "@/components/avatar";
import { Button } from "@/components/ui/button";
import { ErrorState } from "@/components/ui/states";
import { useToast } from "@/components/ui/toast";
import { request } from "@/lib/api";
import { useCharactersChanged } from "@/lib/characters";
import type { Character } from "@/lib/characters-types";
import { editor } from "@/texts/editor";

const t = editor.picture;

/** The picture is not a part of the definition: it is saved by itself. */
export function Picture({ character }: { character: Character }) {
  const [src, setSrc] = useState(character.avatar);
  const input = useId();
  const changed = useCharactersChanged();
  const say = useToast();
  const change = useMutation({
    mutationFn: (file: File | null) => {
      const path = { name: character.name };
      return file ? request("PUT /api/characters/{name}/avatar", { path, body: file }) : request("DELETE /api/characters/{name}/avatar", { path });
    },
    onSuccess: async ({ character: next }, file) => {
      setSrc(next.avatar);
      say(file ? t.done : t.removed);
      await changed();
    },
  });
  return (
    <section>
      <h3 className="mb-3 text-lg font-strong">{t.title}</h3>
      <div className="flex flex-wrap items-center gap-6">
        <Avatar name={character.display_name} src={src} size={128} />
        <div className="grid justify-items-start gap-2">
          <label
            htmlFor={input}
            className="inline-flex h-10 cursor-pointer items-center rounded-md border border-line bg-raised px-4 text-sm font-strong hover:bg-surface has-[+input:focus-visible]:outline-2"
          >
            {t.upload}
          </label>
          <input
            id={input}
            type="file"
            accept="image/png,image/jpeg,image/webp,image/gif"
            className="peer sr-only"
            onChange={({ target }) => {
              const file = target.files?.[0];
              if (file) change.mutate(file);
              target.value = "";
            }}
          />
          <Button look="quiet" size="small" disabled={change.isPending} onClick={() => change.mutate(null)}>
            {t.remove}
          </Button>
          <p className="text-sm text-soft">{t.help}</p>
        </div>
      </div>
      {change.error ? <ErrorState error={change.error} className="mt-4" /> : null}
    </section>
  );
}
