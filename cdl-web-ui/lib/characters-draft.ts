import type { Document } from "@/lib/characters-types";

/** What was written and not yet saved, kept in this browser. */
export interface Draft {
  /** ETag of the version that it began from. */
  etag: string;
  definition: Document;
  at: string;
}

const keyOf = (name: string) => `draft:${name}`;

export function readDraft(name: string): Draft | null {
  const kept = window.localStorage.getItem(keyOf(name));
  if (!kept) return null;
  try {
    return JSON.parse(kept) as Draft;
  } catch {
    dropDraft(name);
    return null;
  }
}

/** False when the browser has no room for it. */
export function keepDraft(name: string, draft: Draft): boolean {
  try {
    window.localStorage.setItem(keyOf(name), JSON.stringify(draft));
    return true;
  } catch {
    dropDraft(name);
    return false;
  }
}

export function dropDraft(name: string): void {
  window.localStorage.removeItem(keyOf(name));
}
