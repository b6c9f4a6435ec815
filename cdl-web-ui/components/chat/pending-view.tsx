"use client";

import { useEffect, useState } from "react";

import { Words } from "@/components/chat/message-view";
import { Button } from "@/components/ui/button";
import { ErrorState } from "@/components/ui/states";
import type { Pending } from "@/lib/talk";
import { chat as t } from "@/texts/chat";

const SAY_AFTER_MS = 2_000;

interface Props {
  pending: Pending;
  name: string;
  onRetry: () => void;
  onDismiss: () => void;
}

/** The turn under way: what was just said, and the answer as it comes. */
export function PendingView({ pending, name, onRetry, onDismiss }: Props) {
  const { text, answer, state, error } = pending;
  return (
    <div className="grid gap-6">
      {text === null ? null : (
        <article aria-label={t.you}>
          <header className="mb-1 flex min-h-8 items-center text-sm font-strong">{t.you}</header>
          <Words byPerson text={text} />
        </article>
      )}
      <article aria-label={name} aria-busy={state === "waiting" || state === "speaking"}>
        <header className="mb-1 flex min-h-8 items-center text-sm font-strong text-accent">{name}</header>
        {state === "waiting" ? <Thinking name={name} /> : null}
        {answer ? <Words byPerson={false} text={answer} /> : null}
        {state === "stopped" ? <p className="mt-2 text-sm text-soft">{t.stopped}</p> : null}
        {state === "failed" ? (
          <div className="mt-2 grid gap-2">
            <ErrorState error={error} kept={text === null ? t.failedAnew : t.failedKept} />
            <div className="flex gap-2">
              <Button size="small" look="accent" onClick={onRetry}>
                {text === null ? t.regenerate : t.sendAgain}
              </Button>
              <Button size="small" look="quiet" onClick={onDismiss}>
                {t.takeAway}
              </Button>
            </div>
          </div>
        ) : null}
      </article>
    </div>
  );
}

function Thinking({ name }: { name: string }) {
  const [long, setLong] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLong(true), SAY_AFTER_MS);
    return () => clearTimeout(timer);
  }, []);
  return (
    <div className="flex h-6 items-center gap-3">
      <span aria-hidden className="animate-breathe h-4 w-1 rounded-sm bg-accent" />
      <span role="status" className="text-sm text-soft">
        {long ? t.waiting(name) : ""}
      </span>
    </div>
  );
}
