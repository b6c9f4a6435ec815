import type { Metadata } from "next";
import { Suspense } from "react";

import { Gallery } from "@/components/characters/gallery";
import { characters as t } from "@/texts/characters";

export const metadata: Metadata = { title: t.title };

export default function CharactersPage() {
  return (
    <Suspense>
      <Gallery />
    </Suspense>
  );
}
