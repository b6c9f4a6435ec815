"use client";

import { type FormEvent, useEffect, useRef, useState } from "react";

import { Button } from "@/components/ui/button";
import { Input } from "@/components/ui/input";
import { ErrorState } from "@/components/ui/states";
import type { Document } from "@/lib/characters-types";
import { cn } from "@/lib/classes";
import { usePerson } from "@/lib/session";
import { streamed } from "@/lib/stream";
import { editor } from "@/texts/editor";

const t = editor.pane;

interface Said {
  role: "user" | "assistant";
  content: string;
}

/** A small talk with the character as it is written; the talk is kept by this page alone. */
export function TryOut({ definition }: { definition: Document }) {
  const { person } = usePerson();
  const [talk, setTalk] = useState<Said[]>([]);
  const [speaking, setSpeaking] = useState<string | null>(null);
  const [error, setError] = useState<unknown>(null);
  const stop = useRef<AbortController | null>(null);
  const log = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (log.current) log.current.scrollTop = log.current.scrollHeight;
  }, [talk, speaking]);
  useEffect(() => () => stop.current?.abort(), []);

  async function say(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = event.currentTarget;
    const message = String(new FormData(form).get("said") ?? "").trim();
    if (!message || speaking !== null) return;
    form.reset();
    const abort = new AbortController();
    stop.current = abort;
    setError(null);
    setSpeaking("");
    setTalk([...talk, { role: "user", content: message }]);
    let heard = "";
    try {
      const answer = await streamed("POST /api/characters/try", { body: { definition, messages: talk, message, user_name: person }, signal: abort.signal }, (text) => {
        heard = text;
        setSpeaking(text);
      });
      heard = answer.response;
    } catch (reason) {
      if (!abort.signal.aborted) setError(reason);
    } finally {
      const said = heard;
      if (said) setTalk((now) => [...now, { role: "assistant", content: said }]);
      setSpeaking(null);
    }
  }

  return (
    <>
      <p className="mb-2 text-sm text-soft">{t.tryIntro}</p>
      <div ref={log} role="log" aria-label={t.try} tabIndex={0} className="grid min-h-0 grow content-start gap-3 overflow-y-auto">
        {talk.map(({ role, content }, index) => (
          <Bubble key={index} role={role} text={content} />
        ))}
        {speaking === null ? null : <Bubble role="assistant" text={speaking || t.thinking} />}
        {error ? <ErrorState error={error} /> : null}
      </div>
      <form onSubmit={(event) => void say(event)} className="mt-3 flex gap-2">
        <Input name="said" aria-label={t.field} placeholder={t.messageExample} autoComplete="off" maxLength={8000} />
        {speaking === null ? (
          <Button type="submit">{t.say}</Button>
        ) : (
          <Button onClick={() => stop.current?.abort()}>{t.stop}</Button>
        )}
      </form>
      {talk.length && speaking === null ? (
        <Button look="quiet" size="small" className="mt-1 self-start" onClick={() => setTalk([])}>
          {t.again}
        </Button>
      ) : null}
    </>
  );
}

function Bubble({ role, text }: Omit<Said, "content"> & { text: string }) {
  return (
    <p
      className={cn(
        "text-sm whitespace-pre-wrap [overflow-wrap:anywhere]",
        role === "user" ? "justify-self-end rounded-md bg-surface px-3 py-2" : "font-serif leading-relaxed",
      )}
    >
      {text}
    </p>
  );
}
