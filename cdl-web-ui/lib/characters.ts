"use client";

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback } from "react";

import { open, request, requestTagged } from "@/lib/api";
import type { Character as ToldCharacter } from "@/lib/api-schema";
import type { Character, Document, ImportPreview, Node } from "@/lib/characters-types";

export interface Sought {
  q: string;
  tag: string;
  archived: boolean;
}

export function useGallery({ q, tag, archived }: Sought) {
  return useQuery({
    queryKey: ["characters", "gallery", q, tag, archived],
    queryFn: ({ signal }) =>
      request("GET /api/characters", { query: { q: q || undefined, tag: tag || undefined, archived: archived ? "true" : "false" }, signal }),
    placeholderData: (before) => before,
  });
}

/** A character with the ETag that its next save shows. */
export function useCharacter(name: string) {
  return useQuery({
    queryKey: ["characters", "one", name],
    queryFn: async () => {
      const { value, etag } = await requestTagged("GET /api/characters/{name}", { path: { name } });
      return { character: whole(value.character), etag: etag ?? "" };
    },
    // What is being edited is not replaced behind the author's back; a save says when another came between.
    staleTime: Infinity,
    gcTime: 0,
    enabled: name !== "",
  });
}

export function useSchema() {
  return useQuery({ queryKey: ["characters", "schema"], queryFn: async () => (await (await open("GET /api/characters/schema")).json()) as Node, staleTime: Infinity });
}

export function useVersions(name: string) {
  return useQuery({
    queryKey: ["characters", "versions", name],
    queryFn: async () => (await request("GET /api/characters/{name}/versions", { path: { name } })).versions,
  });
}

/** Whoever may edit is told the definition. */
export function whole(told: ToldCharacter): Character {
  return told as Character;
}

/** After a change every list and picture of characters is asked for anew; the one that is being edited stays. */
export function useCharactersChanged(): () => Promise<void> {
  const queries = useQueryClient();
  return useCallback(
    () => queries.invalidateQueries({ queryKey: ["characters"], predicate: ({ queryKey }) => queryKey[1] !== "one" && queryKey[1] !== "schema" }),
    [queries],
  );
}

export async function create(definition: Document): Promise<Character> {
  return whole((await request("POST /api/characters", { body: { definition } })).character);
}

export async function save(name: string, definition: Document, etag: string): Promise<{ character: Character; etag: string }> {
  const { value, etag: next } = await requestTagged("PUT /api/characters/{name}", {
    path: { name },
    body: { definition },
    headers: { "If-Match": etag },
  });
  return { character: whole(value.character), etag: next ?? "" };
}

export type OnConflict = "fail" | "replace" | "rename";

export async function previewImport(file: File, into: string): Promise<ImportPreview> {
  return (await request("POST /api/characters/import", { body: importForm(file, { dry_run: "1", name: into }) })) as ImportPreview;
}

export async function importFile(file: File, into: string, onConflict: OnConflict): Promise<Character> {
  const body = importForm(file, { on_conflict: onConflict, name: into });
  const answer = await request("POST /api/characters/import", { body });
  return whole((answer as Exclude<typeof answer, ImportPreview>).character);
}

function importForm(file: File, fields: Record<string, string>): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) if (value) form.append(name, value);
  form.append("file", file);
  return form;
}

/** The short name that goes with what people read: `Dr. Mira Okafor` is `dr_mira_okafor`. */
export function slugOf(shown: string): string {
  return shown
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "_")
    .slice(0, 64)
    .replace(/^_+|_+$/g, "");
}
