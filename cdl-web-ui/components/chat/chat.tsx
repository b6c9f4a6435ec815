"use client";

import { MessageSquarePlus, PanelLeft, Search } from "lucide-react";
import { usePathname, useRouter, useSearchParams } from "next/navigation";
import { useCallback, useEffect, useMemo, useState } from "react";

import { CharacterPicker } from "@/components/chat/character-picker";
import { Conversations } from "@/components/chat/conversations";
import { SidePanel } from "@/components/chat/side-panel";
import { SearchPanel } from "@/components/chat/search-panel";
import { TalkView } from "@/components/chat/talk-view";
import { WhyPanel } from "@/components/chat/why-panel";
import { Button } from "@/components/ui/button";
import { Sheet } from "@/components/ui/dialog";
import { ErrorState, Page, Waiting } from "@/components/ui/states";
import { usePerson, useSession } from "@/lib/session";
import { useReady } from "@/lib/ready";
import { useStored } from "@/lib/stored";
import { ownChannel, storedChannel, useChannels, useCharacters } from "@/lib/talk";
import { useAccent } from "@/lib/theme";
import type { Message } from "@/lib/talk";
import { useWide } from "@/lib/wide";
import { chat as t } from "@/texts/chat";

type Panel = { kind: "search" } | { kind: "why"; message: Message; question: string } | null;

/** The chat: conversations on the left, the talk in the middle, "why" and search on the right when asked for. */
export function Chat() {
  const { data: session } = useSession();
  const { person } = usePerson();
  const characters = useCharacters();
  const [lastCharacter, keepCharacter] = useStored("character");
  const query = useSearchParams();
  const router = useRouter();
  const path = usePathname();
  const [panel, setPanel] = useState<Panel>(null);
  const [sought, setSought] = useState<string | null>(null);
  const [listed, setListed] = useStored("conversations");
  const [sheet, setSheet] = useState(false);
  const wide = useWide();

  const list = useMemo(() => characters.data?.characters ?? [], [characters.data]);
  const asked = session?.character ?? query.get("character") ?? lastCharacter;
  const character = list.find((each) => each.name === asked) ?? list.find((each) => each.name === characters.data?.default) ?? list[0];
  useAccent(character?.name, character?.color);

  const channels = useChannels(person, character?.name ?? "");
  const latest = channels.data?.find((each) => ownChannel(each.channel) !== null);
  const stored = query.get("in") ?? latest?.channel ?? storedChannel("page");

  const go = useCallback(
    (name: string | undefined, channel?: string) => {
      const next = new URLSearchParams();
      if (name) next.set("character", name);
      if (channel) next.set("in", channel);
      router.push(`${path}?${next.toString()}`, { scroll: false });
      setSheet(false);
      setPanel(null);
    },
    [path, router],
  );
  const [welcomed] = useStored("welcomed");
  const { data: ready } = useReady();
  const fresh = session?.scope === "admin" && ready?.llm === "offline" && channels.data?.length === 0 && !welcomed;
  useEffect(() => {
    if (fresh) router.replace("/welcome/");
  }, [fresh, router]);
  const settled = character !== undefined && !channels.isPending;
  useEffect(() => {
    // From here on the address names the conversation: it stays the same whichever becomes the latest.
    if (settled && !fresh && !query.get("in")) router.replace(`${path}?${new URLSearchParams({ character: character.name, in: stored }).toString()}`, { scroll: false });
  }, [settled, fresh, query, router, path, character, stored]);
  const begin = useCallback(() => go(character?.name, storedChannel(`page-${Date.now().toString(36)}`)), [character?.name, go]);

  useEffect(() => {
    function pressed(event: KeyboardEvent) {
      if ((event.ctrlKey || event.metaKey) && event.key === "k") {
        event.preventDefault();
        setPanel({ kind: "search" });
      } else if (event.altKey && event.key === "n") {
        event.preventDefault();
        begin();
      }
    }
    window.addEventListener("keydown", pressed);
    return () => window.removeEventListener("keydown", pressed);
  }, [begin]);

  if (characters.error)
    return (
      <Page>
        <ErrorState error={characters.error} retry={() => void characters.refetch()} />
      </Page>
    );
  if (!character || (channels.isPending && !query.get("in")))
    return (
      <Page>
        <Waiting what={t.loading} />
      </Page>
    );

  const beside = wide && listed !== "hidden";
  const conversations = (
    <Conversations channels={channels.data ?? []} here={stored} onChoose={(channel) => go(character.name, channel)} onBegin={begin} />
  );
  return (
    <div className="flex min-h-0 grow">
      <h1 className="sr-only">{t.title}</h1>
      {beside ? (
        <aside aria-label={t.conversations} className="w-64 shrink-0 overflow-y-auto border-r border-line bg-surface p-3">
          {conversations}
        </aside>
      ) : null}
      <Sheet open={sheet} onOpenChange={setSheet} title={t.conversations}>
        {conversations}
      </Sheet>
      <div className="flex min-w-0 grow flex-col">
        <header className="flex h-14 shrink-0 items-center gap-1 border-b border-line px-2 sm:px-3">
          <Button
            look="quiet"
            size="icon"
            aria-label={beside ? t.hideConversations : t.showConversations}
            onClick={() => (wide ? setListed(beside ? "hidden" : null) : setSheet(true))}
          >
            <PanelLeft size={18} aria-hidden />
          </Button>
          <CharacterPicker
            characters={list}
            here={character}
            onChoose={(name) => {
              keepCharacter(name);
              go(name);
            }}
          />
          <span className="grow" />
          <Button look="quiet" size="icon" aria-label={t.search} aria-keyshortcuts="Control+K" onClick={() => setPanel({ kind: "search" })}>
            <Search size={18} aria-hidden />
          </Button>
          <Button look="quiet" size="icon" aria-label={t.newConversation} aria-keyshortcuts="Alt+N" onClick={begin}>
            <MessageSquarePlus size={18} aria-hidden />
          </Button>
        </header>
        <TalkView
          key={`${person}/${character.name}/${stored}`}
          person={person}
          character={character}
          stored={stored}
          sought={sought}
          onFound={() => setSought(null)}
          onWhy={(message, question) => setPanel({ kind: "why", message, question })}
        />
      </div>
      <SidePanel
        open={panel !== null}
        wide={wide}
        title={panel?.kind === "search" ? t.searchTitle : t.whyTitle}
        onClose={() => setPanel(null)}
      >
        {panel?.kind === "search" ? (
          <SearchPanel
            person={person}
            character={character.name}
            onGo={(found) => {
              if (found.channel !== stored) go(character.name, found.channel);
              else if (!wide) setPanel(null);
              setSought(found.id);
            }}
          />
        ) : null}
        {panel?.kind === "why" ? <WhyPanel person={person} character={character.name} message={panel.message} question={panel.question} /> : null}
      </SidePanel>
    </div>
  );
}
