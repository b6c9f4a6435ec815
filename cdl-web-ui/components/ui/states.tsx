"use client";

import { type ReactNode, useEffect, useState } from "react";

import { Button } from "@/components/ui/button";
import { ApiError } from "@/lib/api";
import { cn } from "@/lib/classes";
import { common as t } from "@/texts/common";

/** The one heading of a page, with what can be done on it. */
export function PageHeader({ title, intro, actions }: { title: ReactNode; intro?: ReactNode; actions?: ReactNode }) {
  return (
    <header className="mb-8 flex flex-wrap items-end justify-between gap-x-6 gap-y-3">
      <div>
        <h1 className="text-xl font-strong">{title}</h1>
        {intro ? <p className="mt-1 max-w-[68ch] text-soft">{intro}</p> : null}
      </div>
      {actions ? <div className="flex flex-wrap gap-2">{actions}</div> : null}
    </header>
  );
}

/** The body of every page but the chat: one column with air around it. */
export function Page({ children, wide = false }: { children: ReactNode; wide?: boolean }) {
  return <div className={cn("mx-auto w-full px-4 py-8 sm:px-8", wide ? "max-w-6xl" : "max-w-4xl")}>{children}</div>;
}

/** A part of a page under a heading of its own. */
export function Section({ title, intro, actions, children }: { title: ReactNode; intro?: ReactNode; actions?: ReactNode; children: ReactNode }) {
  return (
    <section className="mb-10">
      <div className="mb-3 flex flex-wrap items-end justify-between gap-3">
        <div>
          <h2 className="text-lg font-strong">{title}</h2>
          {intro ? <p className="mt-1 max-w-[68ch] text-sm text-soft">{intro}</p> : null}
        </div>
        {actions}
      </div>
      {children}
    </section>
  );
}

/** What will be here, and the first step to it. */
export function EmptyState({ title, children, action }: { title: ReactNode; children?: ReactNode; action?: ReactNode }) {
  return (
    <div className="grid justify-items-start gap-3 rounded-lg border border-dashed border-line p-8">
      <p className="text-lg">{title}</p>
      {children ? <p className="max-w-[60ch] text-soft">{children}</p> : null}
      {action}
    </div>
  );
}

/** What happened, what was kept (`kept`), what to do next, and the request id to copy. */
export function ErrorState({ error, kept, retry, className }: { error: unknown; kept?: ReactNode; retry?: () => void; className?: string }) {
  const known = error instanceof ApiError ? error : null;
  return (
    <div role="alert" className={cn("grid justify-items-start gap-2 rounded-md bg-danger-soft p-4 text-sm", className)}>
      <p>{known ? known.message : t.unexpected}</p>
      {kept ? <p className="text-soft">{kept}</p> : null}
      <div className="flex flex-wrap items-center gap-2">
        {retry ? (
          <Button size="small" onClick={retry}>
            {t.tryAgain}
          </Button>
        ) : null}
        {known?.requestId ? <RequestId id={known.requestId} /> : null}
      </div>
    </div>
  );
}

function RequestId({ id }: { id: string }) {
  const [copied, setCopied] = useState(false);
  return (
    <Button
      size="small"
      look="quiet"
      onClick={() => {
        void navigator.clipboard.writeText(id).then(() => setCopied(true));
      }}
    >
      {copied ? t.copied : t.copyRequest(id)}
    </Button>
  );
}

/** Nothing for 100 ms, then the shape of what comes (`children`), after 2 s a sentence that says what is waited for. */
export function Waiting({ what, children, stop }: { what: string; children?: ReactNode; stop?: () => void }) {
  const [stage, setStage] = useState(0);
  useEffect(() => {
    const timers = [setTimeout(() => setStage(1), 100), setTimeout(() => setStage(2), 2000)];
    return () => timers.forEach(clearTimeout);
  }, []);
  return (
    <div aria-busy="true">
      {stage > 0 ? (children ?? <Bars />) : null}
      <p role="status" className="mt-3 text-sm text-soft">
        {stage > 1 ? what : ""}
      </p>
      {stage > 1 && stop ? (
        <Button size="small" onClick={stop}>
          {t.stop}
        </Button>
      ) : null}
    </div>
  );
}

/** Lines of text that are not there yet. */
export function Bars({ count = 4 }: { count?: number }) {
  return (
    <div aria-hidden className="animate-breathe grid gap-3">
      {Array.from({ length: count }, (_, index) => (
        <div key={index} className="h-4 rounded-sm bg-line" style={{ width: `${92 - ((index * 17) % 40)}%` }} />
      ))}
    </div>
  );
}
