import type { Metadata } from "next";

import { Status } from "@/components/status/status";
import { status as t } from "@/texts/status";

export const metadata: Metadata = { title: t.title };

export default function StatusPage() {
  return <Status />;
}
