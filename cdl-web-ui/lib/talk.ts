"use client";

import { type InfiniteData, useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";

import { ApiError, request } from "@/lib/api";
import type { StoredMessage } from "@/lib/api-schema";
import { type ChatAnswer, streamed } from "@/lib/stream";

const PAGE = 200;
const PREFIX = "api:";
const SETTLE_MS = [700, 2_000, 5_000];

/** Who talks with whom, and in which conversation. `channel` is the name that the page gave it. */
export interface Talk {
  person: string;
  character: string;
  channel: string;
}

/** A stored message, or one that will be stored in a moment. */
export type Message = Omit<StoredMessage, "session">;

interface MessagePage {
  messages: Message[];
  next_before: string | null;
  /** The key may talk, but not read what was said earlier. */
  closed?: boolean;
}

/** A turn under way. `text` is null while an answer is given anew. */
export interface Pending {
  text: string | null;
  answer: string;
  state: "waiting" | "speaking" | "failed" | "stopped";
  error: unknown;
  key: string;
  /** The answer that the new one takes the place of. */
  replaces: string | null;
  at: string;
}

export function useCharacters() {
  return useQuery({ queryKey: ["characters", "talkable"], queryFn: () => request("GET /api/characters"), staleTime: 60_000 });
}

export function useChannels(person: string, character: string) {
  return useQuery({
    queryKey: ["channels", person, character],
    enabled: character !== "",
    queryFn: async () => {
      try {
        const path = { user_id: person };
        const found = await request("GET /api/users/{user_id}/channels", { path, query: { character, limit: 500 } });
        return found.channels;
      } catch (error) {
        // Nobody of this name has talked yet, or the key may not look.
        if (error instanceof ApiError && (error.status === 404 || error.status === 403)) return [];
        throw error;
      }
    },
  });
}

/** The page's own name of a stored channel; null for conversations held elsewhere, which are for reading alone. */
export function ownChannel(stored: string): string | null {
  return stored.startsWith(PREFIX) ? stored.slice(PREFIX.length) : null;
}

export function storedChannel(channel: string): string {
  return PREFIX + channel;
}

function messagesKey(talk: Talk) {
  return ["messages", talk.person, talk.character, talk.channel] as const;
}

/** One conversation: what was said, oldest first, and all that can be done in it. `stored` is its channel's full name. */
export function useTalk(talk: Talk, stored: string) {
  const queries = useQueryClient();
  const key = useMemo(() => messagesKey(talk), [talk]);
  const [pending, setPending] = useState<Pending | null>(null);
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const abort = useRef<AbortController | null>(null);

  const history = useInfiniteQuery({
    queryKey: key,
    enabled: talk.character !== "",
    initialPageParam: undefined as string | undefined,
    queryFn: async ({ pageParam, signal }): Promise<MessagePage> => {
      try {
        return await request("GET /api/users/{user_id}/messages", {
          path: { user_id: talk.person },
          query: { character: talk.character, channel: stored, before: pageParam, limit: PAGE },
          signal,
        });
      } catch (error) {
        if (error instanceof ApiError && error.status === 404) return { messages: [], next_before: null };
        if (error instanceof ApiError && error.status === 403) {
          const known = queries.getQueryData<InfiniteData<MessagePage>>(key)?.pages[0];
          return known ?? { messages: [], next_before: null, closed: true };
        }
        throw error;
      }
    },
    getNextPageParam: (page) => (page.messages.length === PAGE ? page.next_before : undefined),
  });

  const messages = useMemo(() => {
    const all = (history.data?.pages ?? []).flatMap((page) => page.messages).reverse();
    return all.filter((message) => !hidden.has(message.message_id) && message.message_id !== pending?.replaces);
  }, [history.data, hidden, pending?.replaces]);

  const change = useCallback(
    (changed: (messages: Message[]) => Message[]) => {
      queries.setQueryData<InfiniteData<MessagePage>>(key, (data) =>
        data ? { ...data, pages: data.pages.map((page) => ({ ...page, messages: changed(page.messages) })) } : data,
      );
    },
    [queries, key],
  );

  const add = useCallback(
    (newest: Message[]) => {
      queries.setQueryData<InfiniteData<MessagePage>>(key, (data) => {
        const [first, ...rest] = data?.pages ?? [];
        const page: MessagePage = { next_before: null, ...first, messages: [...newest, ...(first?.messages ?? [])] };
        return { pages: [page, ...rest], pageParams: data?.pageParams ?? [undefined] };
      });
    },
    [queries, key],
  );

  const refresh = useCallback(() => {
    void queries.invalidateQueries({ queryKey: ["channels", talk.person, talk.character] });
  }, [queries, talk.person, talk.character]);

  const run = useCallback(
    async (turn: Pending) => {
      const control = new AbortController();
      abort.current = control;
      setPending({ ...turn, state: "waiting", answer: "", error: null });
      const { signal } = control;
      const common = { user_id: talk.person, character: talk.character, metadata_level: "extended", context: { channel_id: talk.channel } } as const;
      const told = (answer: string) => {
        if (answer) setPending((now) => now && { ...now, state: "speaking", answer });
      };
      try {
        const answer =
          turn.text === null
            ? await streamed("POST /api/chat/regenerate", { body: common, signal }, told)
            : await streamed("POST /api/chat", { body: { ...common, message: turn.text }, headers: { "Idempotency-Key": turn.key }, signal }, told);
        queries.setQueryData(["why", answer.response_id], answer);
        queries.setQueryData(["why", answer.message_id], answer);
        if (turn.replaces) change((all) => all.filter((each) => each.message_id !== turn.replaces));
        const [said, answered] = exchange(turn, answer, stored);
        add(turn.text === null ? [answered] : [answered, said]);
        if (turn.text === null)
          change((all) => all.map((each) => (each.message_id === said.message_id ? { ...each, feeling: said.feeling } : each)));
        setPending(null);
        refresh();
      } catch (error) {
        if (control.signal.aborted) {
          setPending((now) => now && { ...now, state: "stopped" });
          // What had been said is being stored as the connection closes.
          for (const wait of SETTLE_MS) {
            await new Promise((done) => setTimeout(done, wait));
            if (abort.current !== control) return;
            await queries.refetchQueries({ queryKey: key });
            const latest = queries.getQueryData<InfiniteData<MessagePage>>(key)?.pages[0]?.messages[0];
            if (latest?.role === "character" && latest.said_at >= turn.at) {
              setPending((now) => (now?.key === turn.key ? null : now));
              return;
            }
          }
        } else {
          setPending((now) => now && { ...now, state: "failed", error });
        }
      }
    },
    [add, change, key, queries, refresh, stored, talk],
  );

  useEffect(() => () => abort.current?.abort(), []);

  const say = useCallback((text: string) => run(begun(text, null)), [run]);
  const retry = useCallback(() => pending && run(pending), [pending, run]);
  const dismiss = useCallback(() => {
    setPending(null);
    void queries.invalidateQueries({ queryKey: key });
  }, [queries, key]);
  const regenerate = useCallback(
    (answerId: string | null) => run(begun(null, answerId)),
    [run],
  );
  const stop = useCallback(() => abort.current?.abort(), []);

  const edit = useCallback(
    async (id: string, content: string) => {
      await request("PATCH /api/users/{user_id}/memories/{message_id}", {
        path: { user_id: talk.person, message_id: id },
        body: { content },
        query: { character: talk.character },
      });
      change((all) =>
        all.map((each) => (each.message_id === id ? { ...each, content, edited_at: new Date().toISOString() } : each)),
      );
      refresh();
    },
    [change, refresh, talk],
  );

  const hide = useCallback((ids: string[]) => setHidden((now) => new Set([...now, ...ids])), []);
  const show = useCallback((ids: string[]) => setHidden((now) => new Set([...now].filter((id) => !ids.includes(id)))), []);
  const forget = useCallback(
    async (id: string, gone: string[]) => {
      try {
        const { deleted } = await request("DELETE /api/users/{user_id}/memories/{message_id}", {
          path: { user_id: talk.person, message_id: id },
          query: { character: talk.character },
        });
        change((all) => all.filter((each) => !deleted.includes(each.message_id)));
      } finally {
        show(gone);
        refresh();
      }
    },
    [change, refresh, show, talk],
  );

  return {
    messages,
    pending,
    history,
    closed: history.data?.pages[0]?.closed ?? false,
    say,
    retry,
    dismiss,
    regenerate,
    stop,
    edit,
    hide,
    show,
    forget,
  };
}

function begun(text: string | null, replaces: string | null): Pending {
  return { text, answer: "", state: "waiting", error: null, key: newKey(), replaces, at: new Date().toISOString() };
}

/** Pages that are not served over TLS have no `crypto.randomUUID`. */
function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function exchange(turn: Pending, answer: ChatAnswer, channel: string): [Message, Message] {
  const felt = answer.metadata?.ai_components;
  const common = { channel, shared: false, pinned: false, edited_at: null };
  return [
    {
      ...common,
      message_id: answer.message_id,
      role: "person",
      said_at: turn.at,
      content: turn.text ?? "",
      feeling: felt?.emotion_data.primary_emotion ?? null,
      intensity: felt?.emotion_data.intensity ?? null,
      reply_to: null,
    },
    {
      ...common,
      message_id: answer.response_id,
      role: "character",
      said_at: new Date().toISOString(),
      content: answer.response,
      feeling: felt?.bot_emotion?.primary_emotion ?? null,
      intensity: felt?.bot_emotion?.intensity ?? null,
      reply_to: answer.message_id,
    },
  ];
}
