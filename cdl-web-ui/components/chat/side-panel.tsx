"use client";

import { X } from "lucide-react";
import { type ReactNode, useLayoutEffect, useRef } from "react";

import { Button } from "@/components/ui/button";
import { Sheet } from "@/components/ui/dialog";
import { common } from "@/texts/common";

interface Props {
  open: boolean;
  wide: boolean;
  title: string;
  onClose: () => void;
  children: ReactNode;
}

/** Beside the talk where there is room, over it where there is none. Escape closes it and gives the focus back. */
export function SidePanel({ open, wide, title, onClose, children }: Props) {
  if (!wide)
    return (
      <Sheet open={open} onOpenChange={(stays) => (stays ? undefined : onClose())} title={title}>
        {children}
      </Sheet>
    );
  return open ? (
    <Beside key={title} title={title} onClose={onClose}>
      {children}
    </Beside>
  ) : null;
}

function Beside({ title, onClose, children }: Omit<Props, "open" | "wide">) {
  const panel = useRef<HTMLElement>(null);
  useLayoutEffect(() => {
    const before = document.activeElement;
    (panel.current?.querySelector<HTMLElement>("input, [data-first]") ?? panel.current)?.focus();
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  return (
    <aside
      ref={panel}
      tabIndex={-1}
      aria-label={title}
      onKeyDown={(event) => {
        if (event.key === "Escape") onClose();
      }}
      className="animate-from-right w-80 shrink-0 overflow-y-auto border-l border-line bg-surface p-4 outline-none"
    >
      <div className="mb-4 flex items-center justify-between gap-2">
        <h2 className="font-strong">{title}</h2>
        <Button look="quiet" size="icon-small" aria-label={common.close} onClick={onClose}>
          <X size={16} aria-hidden />
        </Button>
      </div>
      {children}
    </aside>
  );
}
