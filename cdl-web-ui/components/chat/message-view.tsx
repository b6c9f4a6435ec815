"use client";

import { Copy, Ellipsis, HelpCircle, Pencil, RefreshCw, Trash2 } from "lucide-react";
import { memo, useState } from "react";

import { Markdown } from "@/components/chat/markdown";
import { FeelingMark } from "@/components/feeling";
import { Button } from "@/components/ui/button";
import { TextArea } from "@/components/ui/input";
import { Menu, MenuItem } from "@/components/ui/menu";
import { ErrorState } from "@/components/ui/states";
import { useToast } from "@/components/ui/toast";
import { cn } from "@/lib/classes";
import { shortTime } from "@/lib/times";
import type { Message } from "@/lib/talk";
import { chat as t } from "@/texts/chat";

interface Props {
  message: Message;
  /** The whole talk, which the functions below go by. */
  messages: Message[];
  /** What the character is called. */
  name: string;
  editing: boolean;
  mayAnswerAnew: boolean;
  mayEditAndAnswer: boolean;
  readOnly: boolean;
  onRegenerate: () => void;
  onEdit: () => void;
  onCancel: () => void;
  onChange: (content: string, answerAnew: boolean) => Promise<void>;
  onForget: () => void;
  onWhy: () => void;
}

/** One message. The character's words are set in the serif face: its voice looks different from the machine's.
 *
 * While the talk is scrolled it is not drawn again: its functions are made anew each time, but do something else only
 * when one of the other values is another.
 */
export const MessageView = memo(View, (before, now) =>
  (Object.keys(now) as (keyof Props)[]).every((name) => typeof now[name] === "function" || now[name] === before[name]),
);

function View(props: Props) {
  const { message, name, editing } = props;
  const byPerson = message.role === "person";
  const who = byPerson ? t.you : name;
  return (
    <article className="group" aria-label={who}>
      <header className="mb-1 flex min-h-8 items-center gap-3">
        <span className={cn("text-sm font-strong", !byPerson && "text-accent")}>{who}</span>
        <FeelingMark feeling={message.feeling} />
        <span className="text-xs text-soft">
          <time dateTime={message.said_at}>{shortTime(message.said_at)}</time>
          {message.edited_at ? ` · ${t.edited}` : null}
        </span>
        {editing ? null : <Actions {...props} who={who} />}
      </header>
      {editing ? <Editor {...props} /> : <Words byPerson={byPerson} text={message.content} />}
    </article>
  );
}

export function Words({ byPerson, text }: { byPerson: boolean; text: string }) {
  return (
    <div className={cn("leading-[1.6]", byPerson ? "border-l-2 border-line pl-4" : "font-serif [font-size-adjust:0.5]")}>
      <Markdown text={text} />
    </div>
  );
}

function Actions({ message, who, mayAnswerAnew, readOnly, onRegenerate, onEdit, onForget, onWhy }: Props & { who: string }) {
  const say = useToast();
  return (
    <span className="ml-auto flex opacity-100 transition-opacity focus-within:opacity-100 group-hover:opacity-100 has-data-[state=open]:opacity-100 sm:opacity-0">
      {mayAnswerAnew ? (
        <Button look="quiet" size="icon-small" aria-label={t.regenerate} title={t.regenerate} onClick={onRegenerate}>
          <RefreshCw size={15} aria-hidden />
        </Button>
      ) : null}
      {readOnly ? null : (
        <Button look="quiet" size="icon-small" aria-label={t.why} title={t.why} onClick={onWhy}>
          <HelpCircle size={15} aria-hidden />
        </Button>
      )}
      <Menu
        trigger={
          <Button look="quiet" size="icon-small" aria-label={t.actions(who)}>
            <Ellipsis size={16} aria-hidden />
          </Button>
        }
      >
        <MenuItem onSelect={() => void navigator.clipboard.writeText(message.content).then(() => say(t.copied))}>
          <Copy size={15} aria-hidden />
          {t.copy}
        </MenuItem>
        {readOnly ? null : (
          <>
            <MenuItem onSelect={onEdit}>
              <Pencil size={15} aria-hidden />
              {t.edit}
            </MenuItem>
            <MenuItem danger onSelect={onForget}>
              <Trash2 size={15} aria-hidden />
              {t.forget}
            </MenuItem>
          </>
        )}
      </Menu>
    </span>
  );
}

function Editor({ message, mayEditAndAnswer, onCancel, onChange }: Props) {
  const [text, setText] = useState(message.content);
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const ready = text.trim() !== "" && !busy;

  async function save(answerAnew: boolean) {
    setBusy(true);
    setError(null);
    try {
      await onChange(text.trim(), answerAnew);
    } catch (reason) {
      setError(reason);
      setBusy(false);
    }
  }

  return (
    <form
      className="grid gap-2"
      onSubmit={(event) => {
        event.preventDefault();
        if (ready) void save(mayEditAndAnswer);
      }}
      onKeyDown={(event) => {
        if (event.key === "Escape") onCancel();
        if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) event.currentTarget.requestSubmit();
      }}
    >
      <TextArea aria-label={t.editTitle} value={text} onChange={(event) => setText(event.target.value)} autoFocus maxLength={8000} />
      {error ? <ErrorState error={error} /> : null}
      <div className="flex flex-wrap gap-2">
        {mayEditAndAnswer ? (
          <Button type="submit" size="small" look="accent" disabled={!ready}>
            {t.saveAnswer}
          </Button>
        ) : null}
        <Button size="small" disabled={!ready} onClick={() => void save(false)}>
          {t.saveEdit}
        </Button>
        <Button size="small" look="quiet" onClick={onCancel}>
          {t.cancelEdit}
        </Button>
      </div>
    </form>
  );
}
