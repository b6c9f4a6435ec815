"use client";

import { useCallback, useEffect, useReducer, useState } from "react";
import { type FieldValues, useForm, type UseFormReturn } from "react-hook-form";

import { dropDraft, keepDraft } from "@/lib/characters-draft";
import { pruned, same } from "@/lib/characters-schema";
import type { Character, Document } from "@/lib/characters-types";

const SETTLE_MS = 350;
const STEPS = 100;

interface History {
  past: Document[];
  present: Document;
  future: Document[];
  /** Grows with every change of `present`. */
  revision: number;
}

type Step = { to: "write"; document: Document } | { to: "undo" | "redo" };

function step(now: History, action: Step): History {
  const revision = now.revision + 1;
  if (action.to === "write") {
    if (same(action.document, now.present)) return now;
    return { past: [...now.past.slice(-STEPS), now.present], present: action.document, future: [], revision };
  }
  const [from, other] = action.to === "undo" ? [now.past, now.future] : [now.future, now.past];
  const present = from.at(-1);
  if (!present) return now;
  const rest = from.slice(0, -1);
  const kept = [...other, now.present];
  return action.to === "undo" ? { past: rest, present, future: kept, revision } : { past: kept, present, future: rest, revision };
}

export interface Saved {
  character: Character;
  etag: string;
}

export interface Editing {
  form: UseFormReturn<FieldValues>;
  saved: Saved;
  /** What is written, some moments after the last key was pressed. */
  document: Document;
  revision: number;
  dirty: boolean;
  /** Whether the browser had room for the draft. */
  draftKept: boolean;
  canUndo: boolean;
  canRedo: boolean;
  undo: () => void;
  redo: () => void;
  /** What is written this moment. */
  now: () => Document;
  /** Put another document into the form; it can be undone. */
  write: (document: Document) => void;
  /** This is what the service has now; `document` is shown, where it is not the saved one. */
  settled: (saved: Saved, document?: Document) => void;
}

/** A document in a form with undo, and a draft of it in this browser. */
export function useEditing(first: Saved): Editing {
  const [saved, setSaved] = useState(first);
  const [history, go] = useReducer(step, { past: [], present: pruned(first.character.definition), future: [], revision: 0 });
  const [draftKept, setDraftKept] = useState(true);
  const form = useForm<FieldValues>({ defaultValues: first.character.definition, mode: "onBlur" });
  const { name, definition } = saved.character;
  const dirty = !same(history.present, pruned(definition));

  const now = useCallback(() => pruned(form.getValues() as Document), [form]);

  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stop = form.subscribe({
      formState: { values: true },
      callback: () => {
        clearTimeout(timer);
        timer = setTimeout(() => go({ to: "write", document: now() }), SETTLE_MS);
      },
    });
    return () => {
      clearTimeout(timer);
      stop();
    };
  }, [form, now]);

  useEffect(() => {
    if (history.revision === 0) return;
    const keep = () => {
      if (dirty) setDraftKept(keepDraft(name, { etag: saved.etag, definition: history.present, at: new Date().toISOString() }));
      else dropDraft(name);
    };
    // After the picture is painted: a long document takes the browser some moments to store.
    const timer = setTimeout(keep);
    return () => clearTimeout(timer);
  }, [history.present, history.revision, dirty, name, saved.etag]);

  const fill = useCallback((document: Document) => form.reset(structuredClone(document)), [form]);

  const write = useCallback(
    (document: Document) => {
      go({ to: "write", document: now() });
      go({ to: "write", document: pruned(document) });
      fill(document);
    },
    [fill, now],
  );

  function move(to: "undo" | "redo") {
    const unsettled = !same(now(), history.present);
    if (unsettled) go({ to: "write", document: now() });
    const target = to === "undo" ? (unsettled ? history.present : history.past.at(-1)) : history.future.at(-1);
    if (!target || (unsettled && to === "redo")) return;
    go({ to });
    fill(target);
  }

  return {
    form,
    saved,
    document: history.present,
    revision: history.revision,
    dirty,
    draftKept,
    canUndo: history.past.length > 0,
    canRedo: history.future.length > 0,
    undo: () => move("undo"),
    redo: () => move("redo"),
    now,
    write,
    settled: (next, document) => {
      setSaved(next);
      write(document ?? next.character.definition);
    },
  };
}
