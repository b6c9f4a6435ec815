"use client";

import { useRouter } from "next/navigation";
import { useEffect, useState } from "react";

import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { editor } from "@/texts/editor";

const t = editor.guard;

/** Asks before a link leads away from unsaved changes; the browser itself asks before the tab is closed. */
export function LeaveGuard({ dirty, onSave }: { dirty: boolean; onSave: () => Promise<boolean> }) {
  const [target, setTarget] = useState<string | null>(null);
  const router = useRouter();

  useEffect(() => {
    if (!dirty) return;
    const closing = (event: BeforeUnloadEvent) => event.preventDefault();
    const clicked = (event: MouseEvent) => {
      const link = event.target instanceof Element ? event.target.closest("a[href]") : null;
      if (!(link instanceof HTMLAnchorElement) || link.target || link.hasAttribute("download")) return;
      if (event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || link.origin !== window.location.origin) return;
      if (link.hash && link.pathname === window.location.pathname) return;
      event.preventDefault();
      event.stopPropagation();
      setTarget(link.pathname + link.search);
    };
    window.addEventListener("beforeunload", closing);
    document.addEventListener("click", clicked, true);
    return () => {
      window.removeEventListener("beforeunload", closing);
      document.removeEventListener("click", clicked, true);
    };
  }, [dirty]);

  if (target === null) return null;
  const leave = () => router.push(target);
  return (
    <Dialog
      open
      onOpenChange={() => setTarget(null)}
      title={t.title}
      description={t.explain}
      actions={
        <>
          <Button look="quiet" onClick={() => setTarget(null)}>
            {t.stay}
          </Button>
          <Button onClick={leave}>{t.leave}</Button>
          <Button look="accent" onClick={() => void onSave().then((done) => (done ? leave() : setTarget(null)))}>
            {t.save}
          </Button>
        </>
      }
    />
  );
}
