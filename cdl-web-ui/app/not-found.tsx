import Link from "next/link";

import { Button } from "@/components/ui/button";
import { EmptyState, Page } from "@/components/ui/states";
import { common } from "@/texts/common";

const t = common.lost;

export default function NotFound() {
  return (
    <Page>
      <h1 className="sr-only">{t.title}</h1>
      <EmptyState
        title={t.title}
        action={
          <Button asChild>
            <Link href="/">{t.action}</Link>
          </Button>
        }
      >
        {t.explain}
      </EmptyState>
    </Page>
  );
}
