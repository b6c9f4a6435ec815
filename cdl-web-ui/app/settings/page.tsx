import type { Metadata } from "next";
import { Suspense } from "react";

import { Settings } from "@/components/settings/settings";
import { settings as t } from "@/texts/settings";

export const metadata: Metadata = { title: t.title };

export default function SettingsPage() {
  return (
    <Suspense>
      <Settings />
    </Suspense>
  );
}
