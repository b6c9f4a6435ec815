"use client";

import { createContext, lazy, type ReactNode, Suspense, useCallback, useContext, useState } from "react";

import type { Note } from "@/components/ui/toast-list";

const ToastList = lazy(() => import("@/components/ui/toast-list").then((part) => ({ default: part.ToastList })));

type Say = (
  text: string,
  options?: {
    danger?: boolean;
    undo?: () => void;
    /** Called once the way back is closed: the notice has gone and nobody took it. */
    done?: () => void;
  },
) => void;

const Saying = createContext<Say>(() => undefined);

/** `say("Forgotten.", { undo })`: one sentence at the edge of the page for ten seconds, with a way back. */
export function useToast(): Say {
  return useContext(Saying);
}

let last = 0;

export function Toasts({ children }: { children: ReactNode }) {
  const [notes, setNotes] = useState<Note[]>([]);
  const say = useCallback<Say>((text, options) => setNotes((now) => [...now, { id: ++last, text, ...options }]), []);

  function leave(note: Note, undone: boolean) {
    setNotes((now) => now.filter((each) => each.id !== note.id));
    if (undone) note.undo?.();
    else note.done?.();
  }

  return (
    <Saying value={say}>
      {children}
      {notes.length ? (
        <Suspense>
          <ToastList notes={notes} onLeave={leave} />
        </Suspense>
      ) : null}
    </Saying>
  );
}
