"use client";

import { useMutation } from "@tanstack/react-query";
import { useRouter } from "next/navigation";
import { useEffect, useRef, useState } from "react";

import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { Field } from "@/components/ui/field";
import { Choice, Input } from "@/components/ui/input";
import { ErrorState, Waiting } from "@/components/ui/states";
import { useToast } from "@/components/ui/toast";
import { ApiError } from "@/lib/api";
import { importFile, type OnConflict, previewImport, useCharactersChanged } from "@/lib/characters";
import type { ImportPreview } from "@/lib/characters-types";
import { useCharacters } from "@/lib/talk";
import { characters } from "@/texts/characters";

const t = characters.import;

/** What a file holds and what of it is lost, before anything is saved. */
export function ImportDialog({ given, onClose }: { given: File | null; onClose: () => void }) {
  const [file, setFile] = useState(given);
  const [into, setInto] = useState("");
  const [onConflict, setOnConflict] = useState<OnConflict>("rename");
  const router = useRouter();
  const changed = useCharactersChanged();
  const say = useToast();
  const read = useMutation({ mutationFn: ({ from, name }: { from: File; name: string }) => previewImport(from, name) });
  const save = useMutation({
    mutationFn: (from: File) => importFile(from, into, read.data?.exists ? (into ? "replace" : onConflict) : "fail"),
    onSuccess: async (made) => {
      await changed();
      say(t.done(made.display_name));
      onClose();
      router.push(`/characters/edit/?name=${encodeURIComponent(made.name)}`);
    },
  });
  const lorebook = read.error instanceof ApiError && read.error.code === "character_required";

  function take(chosen: File | null) {
    setFile(chosen);
    setInto("");
    save.reset();
    if (chosen) read.mutate({ from: chosen, name: "" });
    else read.reset();
  }

  const taken = useRef(false);
  useEffect(() => {
    if (given && !taken.current) read.mutate({ from: given, name: "" });
    taken.current = true;
  }, [given, read]);

  return (
    <Dialog
      open
      onOpenChange={onClose}
      title={characters.import.title}
      description={t.explain}
      actions={
        file && read.data ? (
          <>
            <Button onClick={() => take(null)}>{t.other}</Button>
            <Button look="accent" disabled={save.isPending} onClick={() => save.mutate(file)}>
              {t.go}
            </Button>
          </>
        ) : null
      }
    >
      {file === null || read.error ? (
        <Field label={t.file}>
          <Input
            type="file"
            accept=".png,.apng,.json,.yaml,.yml,.charx,.zip,.jpg,.jpeg,.webp"
            className="h-auto py-2"
            onChange={(event) => take(event.target.files?.[0] ?? null)}
          />
        </Field>
      ) : null}
      {read.isPending ? <Waiting what={t.reading} /> : null}
      {lorebook && file ? <Into onChoose={(name) => (setInto(name), read.mutate({ from: file, name }))} /> : null}
      {read.error && !lorebook ? <ErrorState error={read.error} /> : null}
      {read.data ? <Preview found={read.data} into={into} onConflict={onConflict} setOnConflict={setOnConflict} /> : null}
      {save.error ? <ErrorState error={save.error} /> : null}
    </Dialog>
  );
}

function Into({ onChoose }: { onChoose: (name: string) => void }) {
  const list = useCharacters();
  const [name, setName] = useState("");
  return (
    <div className="grid gap-3">
      <Field label={t.intoLabel} help={t.intoHelp}>
        <Choice value={name} onChange={(event) => setName(event.target.value)}>
          <option value="" />
          {list.data?.characters.map((each) => (
            <option key={each.name} value={each.name}>
              {each.display_name}
            </option>
          ))}
        </Choice>
      </Field>
      <Button disabled={!name} onClick={() => onChoose(name)} className="justify-self-start">
        {t.into}
      </Button>
    </div>
  );
}

interface PreviewProps {
  found: ImportPreview;
  into: string;
  onConflict: OnConflict;
  setOnConflict: (value: OnConflict) => void;
}

function Preview({ found, into, onConflict, setOnConflict }: PreviewProps) {
  return (
    <div className="grid gap-4 text-sm">
      <div>
        <p className="font-serif text-lg [overflow-wrap:anywhere]">{found.display_name}</p>
        <p className="text-soft">{t.preview(t.formats[found.format] ?? found.format)}</p>
        <p className="text-soft">
          {found.has_picture ? t.picture : t.noPicture} {found.files ? t.files(found.files) : null}
        </p>
      </div>
      {found.lost.length ? (
        <div>
          <h3 className="font-strong">{t.lost(found.lost.length)}</h3>
          <ul className="mt-1 grid max-h-48 list-disc gap-1 overflow-y-auto pl-5 text-soft [overflow-wrap:anywhere]" tabIndex={0}>
            {found.lost.map((each, index) => (
              <li key={index}>
                <code>{each.path}</code>: {each.why}
              </li>
            ))}
          </ul>
        </div>
      ) : (
        <p className="text-good">{t.nothingLost}</p>
      )}
      {found.warnings.length ? (
        <div>
          <h3 className="font-strong">{t.warnings}</h3>
          <ul className="mt-1 list-disc pl-5 text-soft">
            {found.warnings.map((each) => (
              <li key={each}>{each}</li>
            ))}
          </ul>
        </div>
      ) : null}
      {found.exists && into ? <p>{t.intoReplace}</p> : null}
      {found.exists && !into ? (
        <Field label={t.onConflict} help={t.exists(found.name)}>
          <Choice value={onConflict} onChange={(event) => setOnConflict(event.target.value as OnConflict)}>
            <option value="rename">{t.conflicts.rename}</option>
            <option value="replace">{t.conflicts.replace}</option>
          </Choice>
        </Field>
      ) : null}
    </div>
  );
}
