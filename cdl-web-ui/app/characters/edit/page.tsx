import type { Metadata } from "next";
import { Suspense } from "react";

import { Editor } from "@/components/characters/editor";
import { editor as t } from "@/texts/editor";

export const metadata: Metadata = { title: t.title };

export default function EditorPage() {
  return (
    <Suspense>
      <Editor />
    </Suspense>
  );
}
