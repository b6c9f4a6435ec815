"use client";

import { useMutation } from "@tanstack/react-query";

import { Button } from "@/components/ui/button";
import { ErrorState, Section, Waiting } from "@/components/ui/states";
import { request } from "@/lib/api";
import { cn } from "@/lib/classes";
import { settings } from "@/texts/settings";

const t = settings.test;

/** Tries the first endpoint as it is saved. */
export function Trial() {
  const test = useTrial();
  return (
    <Section title={t.title} intro={t.intro}>
      <Button onClick={() => test.mutate(undefined)} disabled={test.isPending}>
        {t.go}
      </Button>
      <TrialResult test={test} />
    </Section>
  );
}

/** Asks the service to try an endpoint: the one at a place of the list, or the first one of all. */
export function useTrial() {
  return useMutation({
    mutationFn: (endpoint: number | undefined) => request("POST /api/settings/llm/test", { body: endpoint === undefined ? {} : { endpoint } }),
  });
}

export function TrialResult({ test }: { test: ReturnType<typeof useTrial> }) {
  const { data } = test;
  return (
    <div aria-live="polite" className="mt-3 grid max-w-xl gap-2 text-sm empty:hidden">
      {test.isPending ? <Waiting what={t.testing} /> : null}
      {test.error ? <ErrorState error={test.error} /> : null}
      {data ? (
        <div className={cn("rounded-md p-3", data.reachable && data.authorised ? "bg-surface" : "bg-danger-soft")}>
          <p>{data.summary}</p>
          <p className="text-soft">
            {data.models.length ? t.models(data.models.length) : null} {data.latency_ms === null ? null : t.latency(Math.round(data.latency_ms))}
          </p>
          {data.next_step ? <p className="mt-1 text-soft">{data.next_step}</p> : null}
        </div>
      ) : null}
    </div>
  );
}
