"use client";

import { useQuery } from "@tanstack/react-query";
import Link from "next/link";

import { Button } from "@/components/ui/button";
import { ErrorState, Waiting } from "@/components/ui/states";
import { request } from "@/lib/api";
import { editor } from "@/texts/editor";

const t = editor.discord;

/** What speaks as this character on Discord. */
export function DiscordPart({ name }: { name: string }) {
  const found = useQuery({ queryKey: ["discord"], queryFn: () => request("GET /api/discord") });
  const bot = found.data?.bots.find((each) => each.character === name);
  return (
    <section className="grid justify-items-start gap-4">
      <div>
        <h3 className="mb-1 text-lg font-strong">{editor.sections.discord}</h3>
        <p className="text-sm text-soft">{t.intro}</p>
      </div>
      {found.isPending ? <Waiting what={editor.loading} /> : null}
      {found.error ? <ErrorState error={found.error} retry={() => void found.refetch()} /> : null}
      {found.data && !bot ? <p>{found.data.enabled ? t.none : t.off}</p> : null}
      {bot ? (
        <div className="grid justify-items-start gap-2">
          <p>
            {t.state(bot.state)} {t.servers(bot.guilds)}
          </p>
          {bot.problem ? <p className="text-danger">{bot.problem}</p> : null}
          {bot.next_step ? <p className="text-soft">{bot.next_step}</p> : null}
          {bot.invite_url ? (
            <a href={bot.invite_url} target="_blank" rel="noreferrer" className="text-accent underline">
              {t.invite}
            </a>
          ) : null}
        </div>
      ) : null}
      <Button asChild>
        <Link href="/settings/?part=discord">{t.settings}</Link>
      </Button>
    </section>
  );
}
