"use client";

import { lazy, Suspense } from "react";

import type { Props } from "@/components/ui/dialog-parts";

// Built, and fetched, when something is first opened.
const OpenDialog = lazy(() => import("@/components/ui/dialog-parts").then((parts) => ({ default: parts.OpenDialog })));
const OpenSheet = lazy(() => import("@/components/ui/dialog-parts").then((parts) => ({ default: parts.OpenSheet })));

/** A question that stops everything else. Never open one from another. */
export function Dialog({ open, ...rest }: Props & { open: boolean }) {
  return open ? (
    <Suspense>
      <OpenDialog {...rest} />
    </Suspense>
  ) : null;
}

/** A panel that comes from the side, on a telephone from below, and leaves the page where it was. */
export function Sheet({ open, ...rest }: Props & { open: boolean }) {
  return open ? (
    <Suspense>
      <OpenSheet {...rest} />
    </Suspense>
  ) : null;
}
