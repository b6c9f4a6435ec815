"use client";

import { Errors, Facts, Jobs, ModelEndpoints } from "@/components/status/facts";
import { Times } from "@/components/status/times";
import { UsageView } from "@/components/status/usage";
import { ErrorState, Page, PageHeader, Waiting } from "@/components/ui/states";
import { useReadiness, useStanding } from "@/lib/status";
import { status as t } from "@/texts/status";

export function Status() {
  const found = useStanding();
  const reason = useReadiness();
  return (
    <Page>
      <PageHeader title={t.title} intro={t.intro} />
      {found.error ? <ErrorState error={found.error} retry={() => void found.refetch()} className="mb-6" /> : null}
      {found.isPending ? <Waiting what={t.loading} /> : null}
      {reason.data === undefined ? null : <Readiness reason={reason.data} />}
      {found.data ? (
        <>
          <Facts standing={found.data} />
          <Errors errors={found.data.errors} />
          <ModelEndpoints endpoints={found.data.llm.endpoints ?? []} />
          <Jobs jobs={found.data.jobs} />
          <Times times={found.data.milliseconds} />
          <UsageView />
        </>
      ) : null}
    </Page>
  );
}

function Readiness({ reason }: { reason: string | null }) {
  return (
    <p role="status" className={reason === null ? "mb-8 text-lg text-good" : "mb-8 rounded-md bg-danger-soft p-4"}>
      {reason === null ? t.ready : `${t.notReady} ${reason}`}
    </p>
  );
}
