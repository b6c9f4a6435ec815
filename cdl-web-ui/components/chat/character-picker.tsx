"use client";

import { ChevronDown } from "lucide-react";

import { Avatar } from "@/components/avatar";
import { Menu, MenuChoices } from "@/components/ui/menu";
import type { CharacterSummary } from "@/lib/api-schema";
import { chat as t } from "@/texts/chat";

interface Props {
  characters: CharacterSummary[];
  here: CharacterSummary;
  onChoose: (name: string) => void;
}

export function CharacterPicker({ characters, here, onChoose }: Props) {
  const face = (
    <>
      <Avatar name={here.display_name} src={here.avatar} size={32} />
      <span className="truncate font-strong">{here.display_name}</span>
    </>
  );
  if (characters.length < 2) return <div className="flex min-w-0 items-center gap-2.5 px-2">{face}</div>;
  return (
    <Menu
      align="start"
      trigger={
        <button
          type="button"
          aria-label={t.talkTo(here.display_name)}
          className="flex h-11 min-w-0 items-center gap-2.5 rounded-md px-2 hover:bg-surface"
        >
          {face}
          <ChevronDown size={16} aria-hidden className="shrink-0 text-soft" />
        </button>
      }
    >
      <MenuChoices
        label={t.characters}
        value={here.name}
        onChange={onChoose}
        choices={characters.map((each) => ({
          value: each.name,
          label: (
            <>
              <Avatar name={each.display_name} src={each.avatar} size={24} />
              {each.display_name}
            </>
          ),
        }))}
      />
    </Menu>
  );
}
