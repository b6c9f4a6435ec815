import { Slot } from "@radix-ui/react-slot";
import type { ComponentProps } from "react";

import { cn } from "@/lib/classes";

const LOOKS = {
  plain: "border border-line bg-raised text-ink hover:bg-surface",
  accent: "bg-accent text-on-accent hover:opacity-90",
  quiet: "text-soft hover:bg-surface hover:text-ink",
  danger: "bg-danger text-page hover:opacity-90",
} as const;

const SIZES = {
  normal: "h-10 gap-2 px-4 text-sm",
  small: "h-8 gap-1.5 px-2.5 text-sm",
  /** For one picture; give it an `aria-label`. */
  icon: "size-10",
  "icon-small": "size-8",
} as const;

type Props = ComponentProps<"button"> & {
  look?: keyof typeof LOOKS;
  size?: keyof typeof SIZES;
  /** Lend the looks to the child, for links. */
  asChild?: boolean;
};

/** Its words say what happens: "Erase everything this person has said", not "OK". */
export function Button({ look = "plain", size = "normal", asChild = false, className, type, ...rest }: Props) {
  const Tag = asChild ? Slot : "button";
  return (
    <Tag
      type={asChild ? undefined : (type ?? "button")}
      className={cn(
        "inline-flex shrink-0 items-center justify-center rounded-md font-strong whitespace-nowrap transition-colors",
        "disabled:cursor-not-allowed disabled:opacity-50",
        LOOKS[look],
        SIZES[size],
        className,
      )}
      {...rest}
    />
  );
}
