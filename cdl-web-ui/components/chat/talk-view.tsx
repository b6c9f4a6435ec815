"use client";

import { useVirtualizer } from "@tanstack/react-virtual";
import { ArrowDown } from "lucide-react";
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";

import { Avatar } from "@/components/avatar";
import { Composer } from "@/components/chat/composer";
import { MessageView } from "@/components/chat/message-view";
import { PendingView } from "@/components/chat/pending-view";
import { Button } from "@/components/ui/button";
import { Bars, ErrorState, Waiting } from "@/components/ui/states";
import { useToast } from "@/components/ui/toast";
import { ownChannel, useTalk } from "@/lib/talk";
import type { CharacterSummary } from "@/lib/api-schema";
import type { Message } from "@/lib/talk";
import { useUndoable } from "@/lib/undoable";
import { chat as t } from "@/texts/chat";

const ROW_PX = 96;
const NEAR_PX = 80;

interface Props {
  person: string;
  character: CharacterSummary;
  /** The conversation's full name in the store. */
  stored: string;
  /** Id of a message to be brought into view. */
  sought: string | null;
  onFound: () => void;
  /** `question` is what the message answers, or the message itself. */
  onWhy: (message: Message, question: string) => void;
}

/** What was said, and the field to say more. Only what is near the view is built, however long the talk is. */
export function TalkView({ person, character, stored, sought, onFound, onWhy }: Props) {
  const own = ownChannel(stored);
  const talk = useTalk(
    useMemo(() => ({ person, character: character.name, channel: own ?? stored }), [person, character.name, own, stored]),
    stored,
  );
  const { messages, pending, history } = talk;
  const scroller = useRef<HTMLDivElement>(null);
  const [atEnd, setAtEnd] = useState(true);
  const following = useRef(true);
  const [editing, setEditing] = useState<string | null>(null);
  const say = useToast();
  const undoable = useUndoable();

  // eslint-disable-next-line react-hooks/incompatible-library -- nothing here is memoised by what it returns
  const rows = useVirtualizer({
    count: messages.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PX,
    getItemKey: (index) => messages[index]?.message_id ?? index,
    overscan: 6,
  });

  const toEnd = useCallback(() => {
    following.current = true;
    const element = scroller.current;
    if (element) element.scrollTop = element.scrollHeight;
  }, []);

  // Older messages come in above: what is being read stays where it is.
  const first = messages[0]?.message_id;
  const before = useRef<{ first: string | undefined; total: number }>({ first, total: 0 });
  const total = rows.getTotalSize();
  useLayoutEffect(() => {
    const then = before.current;
    const element = scroller.current;
    if (element && !following.current && then.first !== undefined && first !== then.first) element.scrollTop += total - then.total;
    before.current = { first, total };
  }, [first, total]);

  useLayoutEffect(() => {
    if (following.current) toEnd();
  }, [total, messages.length, pending?.answer, pending?.state, toEnd]);

  const { hasNextPage, isFetchingNextPage, fetchNextPage } = history;
  function scrolled() {
    const element = scroller.current;
    if (!element) return;
    const end = element.scrollHeight - element.scrollTop - element.clientHeight < NEAR_PX;
    following.current = end;
    setAtEnd(end);
    if (element.scrollTop < 4 * ROW_PX && hasNextPage && !isFetchingNextPage) void fetchNextPage();
  }

  const index = sought === null ? -1 : messages.findIndex((each) => each.message_id === sought);
  useEffect(() => {
    if (sought === null || history.isPending) return;
    if (index >= 0) {
      following.current = false;
      rows.scrollToIndex(index, { align: "center" });
      onFound();
    } else if (hasNextPage && !isFetchingNextPage) void fetchNextPage();
    else if (!hasNextPage) onFound();
  }, [sought, index, history.isPending, hasNextPage, isFetchingNextPage, fetchNextPage, rows, onFound]);

  const lastPerson = messages.findLast((each) => each.role === "person");
  const last = messages.at(-1);

  function remove(message: Message) {
    const gone = [message.message_id, ...messages.filter((each) => each.reply_to === message.message_id).map((each) => each.message_id)];
    talk.hide(gone);
    const forget = undoable(() => talk.forget(message.message_id, gone).catch(() => say(t.forgetFailed, { danger: true })));
    say(t.forgotten, { undo: () => (forget.cancel(), talk.show(gone)), done: forget.now });
  }

  async function change(message: Message, content: string, answerAnew: boolean) {
    await talk.edit(message.message_id, content);
    setEditing(null);
    if (answerAnew) {
      toEnd();
      void talk.regenerate(last?.role === "character" ? last.message_id : null);
    }
  }

  const busy = pending?.state === "waiting" || pending?.state === "speaking";
  const name = character.display_name;
  return (
    <div className="relative flex min-h-0 grow flex-col">
      <div ref={scroller} onScroll={scrolled} className="min-h-0 grow overflow-y-auto [overflow-anchor:none]" tabIndex={0} role="region" aria-label={t.messages(name)}>
        <div className="mx-auto max-w-[calc(68ch+3rem)] px-4 py-6 text-base sm:px-6">
          {history.isPending ? (
            <Waiting what={t.loading}>
              <Bars count={6} />
            </Waiting>
          ) : null}
          {history.error ? <ErrorState error={history.error} retry={() => void history.refetch()} className="mb-4" /> : null}
          {isFetchingNextPage ? <p className="pb-4 text-center text-sm text-soft">{t.earlier}</p> : null}
          {talk.closed ? <p className="mb-6 rounded-md bg-surface p-3 text-sm text-soft">{t.closed}</p> : null}
          {!history.isPending && !history.error && messages.length === 0 && !pending ? (
            <div className="grid justify-items-center gap-3 pt-[14vh] text-center">
              <Avatar name={name} src={character.avatar} size={96} />
              <p className="font-serif text-lg">{t.empty(name)}</p>
              {character.description ? <p className="line-clamp-4 max-w-[52ch] text-soft">{character.description}</p> : null}
              <p className="max-w-[52ch] text-sm text-soft">{t.emptyHint}</p>
            </div>
          ) : null}
          <ol className="relative" style={{ height: total }}>
            {rows.getVirtualItems().map((row) => {
              const message = messages[row.index];
              return message ? (
                <li
                  key={row.key}
                  ref={rows.measureElement}
                  data-index={row.index}
                  data-message={message.message_id}
                  aria-posinset={row.index + 1}
                  aria-setsize={hasNextPage ? -1 : messages.length}
                  className="absolute inset-x-0 top-0 pb-6"
                  style={{ transform: `translateY(${row.start}px)` }}
                >
                  <MessageView
                    message={message}
                    messages={messages}
                    name={name}
                    editing={editing === message.message_id}
                    mayAnswerAnew={own !== null && !busy && message === (last?.role === "character" ? last : lastPerson)}
                    mayEditAndAnswer={own !== null && !busy && message === lastPerson}
                    readOnly={talk.closed}
                    onRegenerate={() => {
                      toEnd();
                      void talk.regenerate(message.role === "character" ? message.message_id : null);
                    }}
                    onEdit={() => setEditing(message.message_id)}
                    onCancel={() => setEditing(null)}
                    onChange={(content, anew) => change(message, content, anew)}
                    onForget={() => remove(message)}
                    onWhy={() => onWhy(message, messages.find((each) => each.message_id === message.reply_to)?.content ?? message.content)}
                  />
                </li>
              ) : null;
            })}
          </ol>
          {pending ? <PendingView pending={pending} name={name} onRetry={() => void talk.retry()} onDismiss={talk.dismiss} /> : null}
        </div>
      </div>
      {atEnd ? null : (
        <div className="pointer-events-none relative">
          <Button onClick={toEnd} className="animate-appear pointer-events-auto absolute bottom-3 left-1/2 -translate-x-1/2 rounded-full! shadow-lg">
            <ArrowDown size={16} aria-hidden />
            {t.newWords}
          </Button>
        </div>
      )}
      {own === null ? (
        <p className="border-t border-line p-4 text-center text-sm text-soft">{t.readOnly}</p>
      ) : (
        <Composer
          name={name}
          draftKey={`draft ${person} ${character.name} ${stored}`}
          busy={busy}
          onSay={(text) => {
            toEnd();
            void talk.say(text);
          }}
          onStop={talk.stop}
          onEditLast={() => lastPerson && setEditing(lastPerson.message_id)}
        />
      )}
    </div>
  );
}
