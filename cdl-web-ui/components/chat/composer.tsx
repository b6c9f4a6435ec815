"use client";

import { ArrowUp, Square } from "lucide-react";
import { type KeyboardEvent, useEffect, useRef, useState } from "react";

import { Button } from "@/components/ui/button";
import { TextArea } from "@/components/ui/input";
import { chat as t } from "@/texts/chat";

interface Props {
  name: string;
  /** Under which the unsent words are kept until the tab is closed. */
  draftKey: string;
  busy: boolean;
  onSay: (text: string) => void;
  onStop: () => void;
  onEditLast: () => void;
}

export function Composer({ name, draftKey, busy, onSay, onStop, onEditLast }: Props) {
  const [text, setText] = useState(() => window.sessionStorage.getItem(draftKey) ?? "");
  const area = useRef<HTMLTextAreaElement>(null);
  const ready = text.trim() !== "" && !busy;

  useEffect(() => {
    // On a telephone the keyboard would cover what there is to read.
    if (window.matchMedia("(pointer: fine)").matches) area.current?.focus({ preventScroll: true });
  }, []);
  useEffect(() => {
    if (text) window.sessionStorage.setItem(draftKey, text);
    else window.sessionStorage.removeItem(draftKey);
  }, [draftKey, text]);
  useEffect(() => {
    if (!busy) return;
    const stop = (event: globalThis.KeyboardEvent) => {
      if (event.key === "Escape" && !event.defaultPrevented) onStop();
    };
    window.addEventListener("keydown", stop);
    return () => window.removeEventListener("keydown", stop);
  }, [busy, onStop]);

  function send() {
    if (!ready) return;
    onSay(text.trim());
    setText("");
  }

  function pressed(event: KeyboardEvent<HTMLTextAreaElement>) {
    if (event.key === "Enter" && !event.shiftKey && !event.nativeEvent.isComposing) {
      event.preventDefault();
      send();
    } else if (event.key === "ArrowUp" && text === "" && !busy) {
      event.preventDefault();
      onEditLast();
    }
  }

  return (
    <div className="shrink-0 px-4 pb-3 sm:px-6">
      <div className="mx-auto max-w-[68ch]">
        <div className="flex items-end gap-2 rounded-lg border border-edge bg-raised p-1.5 focus-within:outline-2 focus-within:outline-accent">
          <TextArea
            ref={area}
            rows={1}
            aria-label={t.write}
            aria-describedby="composer-hint"
            placeholder={t.placeholder(name)}
            value={text}
            onChange={(event) => setText(event.target.value)}
            onKeyDown={pressed}
            maxLength={8000}
            className="max-h-[40vh]! border-transparent! bg-transparent! focus-visible:outline-none"
          />
          {busy ? (
            <Button size="icon" aria-label={t.stop} onClick={onStop}>
              <Square size={14} fill="currentColor" aria-hidden />
            </Button>
          ) : (
            <Button look="accent" size="icon" aria-label={t.send} disabled={!ready} onClick={send}>
              <ArrowUp size={18} aria-hidden />
            </Button>
          )}
        </div>
        <p id="composer-hint" className="mt-1.5 hidden text-xs text-soft sm:block">
          {t.hint}
        </p>
      </div>
    </div>
  );
}
