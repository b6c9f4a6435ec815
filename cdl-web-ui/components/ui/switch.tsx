"use client";

import * as Radix from "@radix-ui/react-switch";
import type { ComponentProps } from "react";

import { cn } from "@/lib/classes";

export function Switch({ className, ...rest }: ComponentProps<typeof Radix.Root>) {
  return (
    <Radix.Root
      className={cn(
        "h-6 w-10 rounded-full border border-edge bg-surface transition-colors data-[state=checked]:border-accent data-[state=checked]:bg-accent disabled:opacity-50",
        className,
      )}
      {...rest}
    >
      <Radix.Thumb className="block size-4 translate-x-[3px] rounded-full bg-edge transition-transform data-[state=checked]:translate-x-[19px] data-[state=checked]:bg-on-accent" />
    </Radix.Root>
  );
}
