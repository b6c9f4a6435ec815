"use client";

import { useCallback, useSyncExternalStore } from "react";

const WIDE = "(min-width: 900px)";

/** Whether there is room for a panel beside the talk, or for what `media` asks. */
export function useWide(media = WIDE): boolean {
  const listen = useCallback(
    (changed: () => void) => {
      const asked = window.matchMedia(media);
      asked.addEventListener("change", changed);
      return () => asked.removeEventListener("change", changed);
    },
    [media],
  );
  return useSyncExternalStore(
    listen,
    () => window.matchMedia(media).matches,
    () => true,
  );
}
