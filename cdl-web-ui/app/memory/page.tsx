import type { Metadata } from "next";
import { Suspense } from "react";

import { Memory } from "@/components/memory/memory";
import { memory as t } from "@/texts/memory";

export const metadata: Metadata = { title: t.title };

export default function MemoryPage() {
  return (
    <Suspense>
      <Memory />
    </Suspense>
  );
}
