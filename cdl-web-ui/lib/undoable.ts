"use client";

import { useCallback, useEffect, useRef } from "react";

interface Waiting {
  /** Do it at once. */
  now: () => void;
  /** Never do it. */
  cancel: () => void;
}

/** For what is shown as done while it can still be taken back: it is done in any case when the page is left. */
export function useUndoable(): (act: () => unknown) => Waiting {
  const waiting = useRef(new Set<() => void>());
  useEffect(() => {
    const all = waiting.current;
    const flush = () => {
      for (const act of [...all]) act();
    };
    window.addEventListener("pagehide", flush);
    return () => {
      window.removeEventListener("pagehide", flush);
      flush();
    };
  }, []);
  return useCallback((act) => {
    const once = () => {
      if (waiting.current.delete(once)) act();
    };
    waiting.current.add(once);
    return { now: once, cancel: () => void waiting.current.delete(once) };
  }, []);
}
