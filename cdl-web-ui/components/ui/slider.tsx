"use client";

import * as Radix from "@radix-ui/react-slider";
import type { ComponentProps } from "react";

import { cn } from "@/lib/classes";

/** One value; `aria-label` or `aria-labelledby` names it. */
export function Slider({
  className,
  "aria-label": label,
  "aria-labelledby": labelledBy,
  id,
  ...rest
}: ComponentProps<typeof Radix.Root>) {
  return (
    <Radix.Root className={cn("relative flex h-6 w-full touch-none items-center select-none", className)} {...rest}>
      <Radix.Track className="relative h-1 grow rounded-full bg-line">
        <Radix.Range className="absolute h-full rounded-full bg-accent" />
      </Radix.Track>
      <Radix.Thumb
        id={id}
        aria-label={label}
        aria-labelledby={labelledBy}
        className="block size-5 rounded-full border-2 border-accent bg-raised"
      />
    </Radix.Root>
  );
}
