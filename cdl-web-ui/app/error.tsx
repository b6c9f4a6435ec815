"use client";

import { Button } from "@/components/ui/button";
import { EmptyState, Page } from "@/components/ui/states";
import { common } from "@/texts/common";

const t = common.crashed;

export default function Crashed({ reset }: { reset: () => void }) {
  return (
    <Page>
      <EmptyState title={t.title} action={<Button onClick={reset}>{t.action}</Button>}>
        {t.explain}
      </EmptyState>
    </Page>
  );
}
