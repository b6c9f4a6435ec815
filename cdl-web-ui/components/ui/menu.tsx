"use client";

import { Slot } from "@radix-ui/react-slot";
import { type ComponentProps, type KeyboardEvent, lazy, type ReactElement, type ReactNode, Suspense, useState } from "react";

import type * as Parts from "@/components/ui/menu-parts";

// A menu's machinery weighs more than the page around it: it comes when a menu is first reached for.
const load = () => import("@/components/ui/menu-parts");
const Opened = lazy(() => load().then((parts) => ({ default: parts.OpenedMenu })));

export const MenuItem = lazy(() => load().then((parts) => ({ default: parts.MenuItem })));
export const MenuChoices = lazy(() => load().then((parts) => ({ default: parts.MenuChoices })));
export const MenuLine = lazy(() => load().then((parts) => ({ default: parts.MenuLine })));

type Align = ComponentProps<typeof Parts.OpenedMenu>["align"];

/** What can be done with something, behind one button (`trigger`); holds `MenuItem`, `MenuChoices` and `MenuLine`. */
export function Menu({ trigger, children, align = "end" }: { trigger: ReactElement; children: ReactNode; align?: Align }) {
  const [reached, setReached] = useState(false);
  const closed = (
    <Slot
      aria-haspopup="menu"
      aria-expanded={false}
      onPointerEnter={() => void load()}
      onFocus={() => void load()}
      onClick={() => setReached(true)}
      onKeyDown={(event: KeyboardEvent) => {
        if (event.key !== "ArrowDown") return;
        event.preventDefault();
        setReached(true);
      }}
    >
      {trigger}
    </Slot>
  );
  if (!reached) return closed;
  return (
    <Suspense fallback={closed}>
      <Opened trigger={trigger} align={align}>
        {children}
      </Opened>
    </Suspense>
  );
}
