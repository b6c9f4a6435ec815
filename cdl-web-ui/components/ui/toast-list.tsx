"use client";

import * as Radix from "@radix-ui/react-toast";
import { useRef } from "react";

import { common as t } from "@/texts/common";

const SECONDS = 10;

export interface Note {
  id: number;
  text: string;
  danger?: boolean;
  undo?: () => void;
  done?: () => void;
}

/** Notices at the edge of the page. `onLeave` is called once for each, when it is closed or its time is over. */
export function ToastList({ notes, onLeave }: { notes: Note[]; onLeave: (note: Note, undone: boolean) => void }) {
  const undone = useRef(new Set<number>());
  return (
    <Radix.Provider duration={SECONDS * 1000} label={t.notice}>
      {notes.map((note) => (
        <Radix.Root
          key={note.id}
          type={note.danger ? "foreground" : "background"}
          onOpenChange={(open) => {
            if (!open) onLeave(note, undone.current.has(note.id));
          }}
          className="animate-from-below flex items-center gap-3 rounded-md border border-line bg-raised py-2 pr-2 pl-4 shadow-lg"
        >
          <Radix.Title className={note.danger ? "text-sm text-danger" : "text-sm"}>{note.text}</Radix.Title>
          {note.undo ? (
            <Radix.Action
              altText={t.undo}
              onClick={() => undone.current.add(note.id)}
              className="ml-auto h-8 rounded-sm px-2 text-sm font-strong text-accent hover:bg-surface"
            >
              {t.undo}
            </Radix.Action>
          ) : null}
          <Radix.Close className="h-8 rounded-sm px-2 text-sm text-soft hover:bg-surface hover:text-ink">{t.close}</Radix.Close>
        </Radix.Root>
      ))}
      <Radix.Viewport className="fixed inset-x-4 bottom-20 z-50 mx-auto grid max-w-md gap-2 sm:bottom-6" />
    </Radix.Provider>
  );
}
