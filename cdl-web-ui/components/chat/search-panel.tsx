"use client";

import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";

import { RecalledItem } from "@/components/chat/recalled";
import { Button } from "@/components/ui/button";
import { Field } from "@/components/ui/field";
import { Input } from "@/components/ui/input";
import { ErrorState, Waiting } from "@/components/ui/states";
import type { Memory } from "@/lib/api-schema";
import { recalled } from "@/lib/memory";
import { chat as t } from "@/texts/chat";

interface Props {
  person: string;
  character: string;
  onGo: (found: Memory) => void;
}

export function SearchPanel({ person, character, onGo }: Props) {
  const [words, setWords] = useState("");
  const found = useQuery({
    queryKey: ["search", person, character, words],
    enabled: words !== "",
    queryFn: ({ signal }) => recalled(person, { q: words, character, limit: 20 }, signal),
  });

  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    setWords(String(new FormData(event.currentTarget).get("words") ?? "").trim());
  }

  return (
    <div className="grid gap-4">
      <form onSubmit={submit} className="grid gap-3" role="search">
        <Field label={t.searchField}>
          <Input name="words" type="search" placeholder={t.searchExample} autoComplete="off" />
        </Field>
        <Button type="submit" className="justify-self-start">
          {t.searchGo}
        </Button>
      </form>
      {found.isFetching ? <Waiting what={t.searchWait} /> : null}
      {found.error ? <ErrorState error={found.error} /> : null}
      {found.data?.length === 0 ? <p className="text-sm text-soft">{t.searchNone}</p> : null}
      <ul className="grid gap-4">
        {found.data?.map((each) => (
          <li key={each.id} className="grid justify-items-start gap-1">
            <RecalledItem recalled={each} />
            <Button size="small" look="quiet" onClick={() => onGo(each)} className="-ml-2.5">
              {t.goTo}
            </Button>
          </li>
        ))}
      </ul>
    </div>
  );
}
