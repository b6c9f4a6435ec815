"use client";

import { type ComponentProps, useEffect, useRef } from "react";

import { cn } from "@/lib/classes";

const BOX =
  "w-full rounded-md border border-edge bg-raised px-3 text-base text-ink placeholder:text-soft placeholder:opacity-80 disabled:opacity-60 aria-invalid:border-danger";

export function Input({ className, ...rest }: ComponentProps<"input">) {
  return <input className={cn(BOX, "h-10", className)} {...rest} />;
}

/** Grows with what is written in it. */
export function TextArea({ className, onInput, rows = 3, ref, ...rest }: ComponentProps<"textarea">) {
  const own = useRef<HTMLTextAreaElement | null>(null);
  useEffect(() => {
    if (own.current) fit(own.current);
  });
  return (
    <textarea
      rows={rows}
      className={cn(BOX, "max-h-[60vh] resize-none py-2", className)}
      onInput={(event) => {
        fit(event.currentTarget);
        onInput?.(event);
      }}
      ref={(element) => {
        own.current = element;
        if (typeof ref === "function") ref(element);
        else if (ref) ref.current = element;
      }}
      {...rest}
    />
  );
}

function fit(area: HTMLTextAreaElement): void {
  area.style.height = "auto";
  area.style.height = `${area.scrollHeight + 2}px`;
}

/** The browser's own list of choices: every keyboard and every telephone knows it. */
export function Choice({ className, ...rest }: ComponentProps<"select">) {
  return <select className={cn(BOX, "h-10 pr-8", className)} {...rest} />;
}
