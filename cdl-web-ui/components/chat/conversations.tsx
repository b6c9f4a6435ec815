"use client";

import { Plus } from "lucide-react";

import { Button } from "@/components/ui/button";
import { cn } from "@/lib/classes";
import { ownChannel } from "@/lib/talk";
import type { Channel } from "@/lib/api-schema";
import { shortTime } from "@/lib/times";
import { chat as t } from "@/texts/chat";

interface Props {
  channels: Channel[];
  /** The stored name of the conversation that is shown. */
  here: string;
  onChoose: (channel: string) => void;
  onBegin: () => void;
}

export function Conversations({ channels, here, onChoose, onBegin }: Props) {
  const known = channels.some((each) => each.channel === here);
  return (
    <div className="grid gap-1">
      <Button look="quiet" onClick={onBegin} className="justify-start! px-3! text-ink!">
        <Plus size={16} aria-hidden />
        {t.newConversation}
      </Button>
      {channels.length === 0 ? <p className="px-3 py-2 text-sm text-soft">{t.noConversations}</p> : null}
      <ul className="grid gap-0.5">
        {!known && channels.length > 0 ? <Item label={t.untitled} note="" here onChoose={() => onChoose(here)} /> : null}
        {channels.map((each) => (
          <Item
            key={each.channel}
            label={each.first_text ?? each.last_text}
            note={ownChannel(each.channel) === null ? `${t.elsewhere}, ${shortTime(each.last_at)}` : shortTime(each.last_at)}
            here={each.channel === here}
            onChoose={() => onChoose(each.channel)}
          />
        ))}
      </ul>
    </div>
  );
}

function Item({ label, note, here, onChoose }: { label: string; note: string; here: boolean; onChoose: () => void }) {
  return (
    <li>
      <button
        type="button"
        onClick={onChoose}
        aria-current={here ? "true" : undefined}
        className={cn("grid w-full gap-0.5 rounded-md px-3 py-2 text-left", here ? "bg-accent-soft" : "hover:bg-raised")}
      >
        <span className="truncate text-sm">{label}</span>
        <span className="text-xs text-soft">{note}</span>
      </button>
    </li>
  );
}
