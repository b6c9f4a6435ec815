"use client";

import { useRouter } from "next/navigation";
import { useEffect, useRef, useState } from "react";

import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { editor } from "@/texts/editor";

const t = editor.guard;
/** The editor's own entry in the history, and the one above it. */
const ENTRIES = 2;

/** Where the author is about to go: a page, or one step back in the browser's history. */
type Target = { page: string } | "back";

/** Asks before a link or the browser's Back button leads away from unsaved changes; the browser itself asks before the
 * tab is closed.
 *
 * Going back cannot be held up, only gone through: from the first change on a second entry of the same page lies above
 * the editor's own, and what Back leaves is that one.
 */
export function LeaveGuard({ dirty, onSave }: { dirty: boolean; onSave: () => Promise<boolean> }) {
  const [target, setTarget] = useState<Target | null>(null);
  const covered = useRef(false);
  const leaving = useRef(false);
  const router = useRouter();

  useEffect(() => {
    const cover = () => window.history.pushState(window.history.state, "");
    if (dirty && !covered.current) {
      cover();
      covered.current = true;
    }
    const back = () => {
      if (leaving.current || !covered.current) return;
      if (dirty) {
        cover();
        setTarget("back");
      } else {
        covered.current = false;
        window.history.back();
      }
    };
    window.addEventListener("popstate", back);
    return () => window.removeEventListener("popstate", back);
  }, [dirty]);

  useEffect(() => {
    if (!dirty) return;
    const closing = (event: BeforeUnloadEvent) => (leaving.current ? undefined : event.preventDefault());
    const clicked = (event: MouseEvent) => {
      const link = event.target instanceof Element ? event.target.closest("a[href]") : null;
      if (!(link instanceof HTMLAnchorElement) || link.target || link.hasAttribute("download")) return;
      if (event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || link.origin !== window.location.origin) return;
      if (link.hash && link.pathname === window.location.pathname) return;
      event.preventDefault();
      event.stopPropagation();
      setTarget({ page: link.pathname + link.search });
    };
    window.addEventListener("beforeunload", closing);
    document.addEventListener("click", clicked, true);
    return () => {
      window.removeEventListener("beforeunload", closing);
      document.removeEventListener("click", clicked, true);
    };
  }, [dirty]);

  if (target === null) return null;
  const leave = () => {
    leaving.current = true;
    if (target !== "back") router.replace(target.page);
    // A tab that was opened with the editor has nothing before it.
    else if (window.history.length <= ENTRIES) router.replace("/characters/");
    else window.history.go(-ENTRIES);
  };
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
