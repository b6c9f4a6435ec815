"use client";

import * as Radix from "@radix-ui/react-dialog";
import { X } from "lucide-react";
import type { ReactNode } from "react";

import { common as t } from "@/texts/common";

import { cn } from "@/lib/classes";

export interface Props {
  onOpenChange: (open: boolean) => void;
  title: ReactNode;
  /** What this is about, in one or two sentences; read out with the title. */
  description?: ReactNode;
  children?: ReactNode;
  /** Buttons at the end. */
  actions?: ReactNode;
  className?: string;
}

/** A question that stops everything else. Never open one from another. */
export function OpenDialog({ onOpenChange, title, description, children, actions, className }: Props) {
  return (
    <Radix.Root open onOpenChange={onOpenChange}>
      <Radix.Portal>
        <Radix.Overlay className="fixed inset-0 z-40 bg-veil" />
        <Radix.Content
          {...(description ? {} : { "aria-describedby": undefined })}
          className={cn(
            "animate-appear fixed inset-x-4 top-1/2 z-50 mx-auto grid max-h-[85dvh] max-w-lg -translate-y-1/2 gap-4",
            "overflow-y-auto rounded-lg border border-line bg-raised p-6",
            className,
          )}
        >
          <Heading title={title} description={description} />
          {children}
          {actions ? <div className="flex flex-wrap justify-end gap-2">{actions}</div> : null}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

/** A panel that comes from the side, on a telephone from below, and leaves the page where it was. */
export function OpenSheet({ onOpenChange, title, description, children, className }: Props) {
  return (
    <Radix.Root open onOpenChange={onOpenChange}>
      <Radix.Portal>
        <Radix.Overlay className="fixed inset-0 z-40 bg-veil" />
        <Radix.Content
          {...(description ? {} : { "aria-describedby": undefined })}
          className={cn(
            "fixed inset-x-0 bottom-0 z-50 max-h-[85dvh] overflow-y-auto rounded-t-lg border border-line bg-raised p-5",
            "animate-from-below sm:animate-from-right sm:inset-y-0 sm:right-0 sm:left-auto sm:max-h-none sm:w-96",
            "sm:rounded-none sm:rounded-l-lg",
            className,
          )}
        >
          <Heading title={title} description={description} />
          <div className="mt-4">{children}</div>
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

function Heading({ title, description }: { title: ReactNode; description?: ReactNode }) {
  return (
    <div className="pr-10">
      <Radix.Title className="text-lg font-strong">{title}</Radix.Title>
      {description ? <Radix.Description className="mt-1 text-sm text-soft">{description}</Radix.Description> : null}
      <Radix.Close
        aria-label={t.close}
        className="absolute top-4 right-4 grid size-8 place-items-center rounded-md text-soft hover:bg-surface hover:text-ink"
      >
        <X size={18} aria-hidden />
      </Radix.Close>
    </div>
  );
}
