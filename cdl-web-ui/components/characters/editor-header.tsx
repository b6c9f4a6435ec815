"use client";

import { History, PanelRight, Redo2, Undo2 } from "lucide-react";
import Link from "next/link";

import { Avatar } from "@/components/avatar";
import { Button } from "@/components/ui/button";
import type { Editing } from "@/lib/characters-editing";
import { editor as t } from "@/texts/editor";

interface Props {
  editing: Editing;
  busy: boolean;
  problems: number;
  onSave: () => void;
  onHistory: () => void;
  /** Absent where the prompt stands beside the form. */
  onLive?: () => void;
}

export function EditorHeader({ editing, busy, problems, onSave, onHistory, onLive }: Props) {
  const { character } = editing.saved;
  const state = editing.dirty ? (editing.draftKept ? t.state.draft : t.state.tooLarge) : t.state.saved;
  return (
    <header className="mb-6 flex flex-wrap items-center justify-between gap-x-6 gap-y-3">
      <div className="flex min-w-0 items-center gap-4">
        <Avatar name={character.display_name} src={character.avatar} size={56} />
        <div className="min-w-0">
          <Link href="/characters/" className="text-sm text-soft hover:text-ink">
            {t.toGallery}
          </Link>
          <h1 className="text-xl leading-tight font-strong [overflow-wrap:anywhere]">{character.display_name}</h1>
          <p role="status" className="mt-0.5 text-sm text-soft">
            {state} {problems ? <span className="text-danger">{t.problems(problems)}.</span> : null}
          </p>
        </div>
      </div>
      <div className="flex flex-wrap gap-2">
        <Button size="icon" aria-label={t.undo} disabled={!editing.canUndo} onClick={editing.undo}>
          <Undo2 size={18} aria-hidden />
        </Button>
        <Button size="icon" aria-label={t.redo} disabled={!editing.canRedo} onClick={editing.redo}>
          <Redo2 size={18} aria-hidden />
        </Button>
        {onLive ? (
          <Button size="icon" aria-label={t.live} onClick={onLive}>
            <PanelRight size={18} aria-hidden />
          </Button>
        ) : null}
        <Button onClick={onHistory}>
          <History size={16} aria-hidden /> {t.history}
        </Button>
        <Button look="accent" disabled={!editing.dirty || busy} onClick={onSave}>
          {busy ? t.saving : t.save}
        </Button>
      </div>
    </header>
  );
}
