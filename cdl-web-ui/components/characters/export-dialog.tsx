"use client";

import { useQuery } from "@tanstack/react-query";
import { useState } from "react";

import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { Field } from "@/components/ui/field";
import { Choice } from "@/components/ui/input";
import { ErrorState, Waiting } from "@/components/ui/states";
import { address, request } from "@/lib/api";
import type { CharacterSummary } from "@/lib/api-schema";
import type { Call } from "@/lib/routes";
import { characters } from "@/texts/characters";

const t = characters.export;

type Format = NonNullable<NonNullable<Call<"GET /api/characters/{name}/export">["query"]>["format"]>;

/** What the format has no place for. */
interface Report {
  notes: string[];
}

export function ExportDialog({ character, onClose }: { character: CharacterSummary; onClose: () => void }) {
  const [format, setFormat] = useState<Format>("png");
  const path = { name: character.name };
  const report = useQuery({
    queryKey: ["characters", "export", character.name, character.version, format],
    queryFn: async ({ signal }) => (await request("GET /api/characters/{name}/export", { path, query: { format, report: true }, signal })) as Report,
  });
  return (
    <Dialog
      open
      onOpenChange={onClose}
      title={t.title(character.display_name)}
      description={t.explain}
      actions={
        <Button asChild look="accent">
          <a href={address("GET /api/characters/{name}/export", { path, query: { format } })} download>
            {t.go}
          </a>
        </Button>
      }
    >
      <Field label={t.format}>
        <Choice value={format} onChange={(event) => setFormat(event.target.value as Format)}>
          {Object.entries(t.formats).map(([value, label]) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </Choice>
      </Field>
      <div className="grid gap-2 text-sm">
        {report.isPending ? <Waiting what={t.explain} /> : null}
        {report.error ? <ErrorState error={report.error} /> : null}
        {report.data?.notes.length === 0 ? <p className="text-soft">{t.noNotes}</p> : null}
        {report.data?.notes.length ? (
          <>
            <h3 className="font-strong">{t.notes}</h3>
            <ul className="grid max-h-48 list-disc gap-1 overflow-y-auto pl-5 text-soft [overflow-wrap:anywhere]" tabIndex={0}>
              {report.data.notes.map((note) => (
                <li key={note}>{note}</li>
              ))}
            </ul>
          </>
        ) : null}
      </div>
    </Dialog>
  );
}
