"use client";

import { useQuery, useQueryClient } from "@tanstack/react-query";

import { RecalledItem } from "@/components/chat/recalled";
import { FeelingMark } from "@/components/feeling";
import { ErrorState, Waiting } from "@/components/ui/states";
import { recalled } from "@/lib/memory";
import type { ChatAnswer } from "@/lib/stream";
import type { Message } from "@/lib/talk";
import { chat as t } from "@/texts/chat";

interface Props {
  person: string;
  character: string;
  message: Message;
  question: string;
}

/** What an answer stood on. For one that was given before this page was opened: what its words would recall now. */
export function WhyPanel({ person, character, message, question }: Props) {
  const known = useQueryClient().getQueryData<ChatAnswer>(["why", message.message_id]);
  const now = useQuery({
    queryKey: ["recalled", person, character, question],
    enabled: known === undefined,
    queryFn: ({ signal }) => recalled(person, { q: question.slice(0, 500), character, limit: 10 }, signal),
  });
  const parts = known?.metadata;
  const memories = known ? (parts?.vector_memory?.memories ?? []) : now.data?.filter((each) => each.id !== message.message_id && each.id !== message.reply_to);
  return (
    <div className="grid gap-5" data-first tabIndex={-1}>
      {parts ? (
        <section className="grid gap-1.5">
          <h3 className="text-sm font-strong">{t.feelings}</h3>
          <p className="flex items-center gap-2 text-sm">
            {t.yours} <FeelingMark feeling={parts.ai_components.emotion_data.primary_emotion} />
          </p>
          {parts.ai_components.bot_emotion ? (
            <p className="flex items-center gap-2 text-sm">
              {known?.bot_name} <FeelingMark feeling={parts.ai_components.bot_emotion.primary_emotion} />
            </p>
          ) : null}
        </section>
      ) : (
        <p className="text-sm text-soft">{t.whyLater}</p>
      )}
      <section className="grid gap-3">
        <h3 className="text-sm font-strong">{t.whyRecalled}</h3>
        {now.isFetching ? <Waiting what={t.searchWait} /> : null}
        {now.error ? <ErrorState error={now.error} /> : null}
        {memories?.length === 0 ? <p className="text-sm text-soft">{t.whyNothing}</p> : null}
        <ul className="grid gap-4">
          {memories?.map((each) => (
            <li key={each.id}>
              <RecalledItem recalled={each} />
            </li>
          ))}
        </ul>
      </section>
      {known ? (
        <p className="text-xs text-soft">
          {t.model(known.llm)}
          {parts?.usage ? ` · ${t.cost(parts.usage.prompt_tokens ?? 0, parts.usage.completion_tokens ?? 0)}` : null}
        </p>
      ) : null}
    </div>
  );
}
