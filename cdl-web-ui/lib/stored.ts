"use client";

import { useCallback, useSyncExternalStore } from "react";

const heard = new Set<() => void>();

function listen(changed: () => void): () => void {
  heard.add(changed);
  window.addEventListener("storage", changed);
  return () => {
    heard.delete(changed);
    window.removeEventListener("storage", changed);
  };
}

/** What this browser keeps under `name`; null before anything was kept, and while the page is being built. */
export function useStored(name: string): [string | null, (value: string | null) => void] {
  const value = useSyncExternalStore(
    listen,
    () => window.localStorage.getItem(name),
    () => null,
  );
  const keep = useCallback(
    (next: string | null) => {
      if (next === null) window.localStorage.removeItem(name);
      else window.localStorage.setItem(name, next);
      for (const changed of heard) changed();
    },
    [name],
  );
  return [value, keep];
}
