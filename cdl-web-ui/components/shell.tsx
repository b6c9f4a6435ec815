"use client";

import { Activity, Brain, CircleUser, MessageCircle, Settings2, Users } from "lucide-react";
import dynamic from "next/dynamic";
import Link from "next/link";
import { usePathname } from "next/navigation";
import { type ReactNode, useState } from "react";

import { Connection } from "@/components/connection";
import { Button } from "@/components/ui/button";
import { Menu, MenuChoices, MenuItem, MenuLine } from "@/components/ui/menu";
import { EmptyState, ErrorState, Page, Waiting } from "@/components/ui/states";
import { cn } from "@/lib/classes";
import { usePerson, useSession, useSignOut } from "@/lib/session";
import { type Theme, useTheme } from "@/lib/theme";
import { common as t } from "@/texts/common";

const SignIn = dynamic(() => import("@/components/sign-in").then((part) => part.SignIn));
const WhoTalks = dynamic(() => import("@/components/who-talks").then((part) => part.WhoTalks));

const PAGES = [
  { path: "/", label: t.nav.chat, Icon: MessageCircle },
  { path: "/characters/", label: t.nav.characters, Icon: Users },
  { path: "/memory/", label: t.nav.memory, Icon: Brain },
  { path: "/settings/", label: t.nav.settings, Icon: Settings2 },
  { path: "/status/", label: t.nav.status, Icon: Activity },
];

/** The rail (a bar below on a telephone) and the page beside it, once it is known who is here. */
export function Shell({ children }: { children: ReactNode }) {
  const session = useSession();
  const chatOnly = session.data?.scope === "chat";
  const shut = session.data?.required && !session.data.authenticated;
  return (
    <div className="flex h-dvh flex-col-reverse sm:flex-row">
      <a
        href="#content"
        className="sr-only rounded-md bg-raised px-4 py-2 focus:not-sr-only focus:fixed focus:top-2 focus:left-2 focus:z-50"
      >
        {t.skip}
      </a>
      <Rail pages={shut ? [] : chatOnly ? PAGES.slice(0, 1) : PAGES} signedIn={session.data?.authenticated ?? false} />
      <div className="flex min-h-0 min-w-0 grow flex-col">
        <Connection />
        <main id="content" tabIndex={-1} className="flex min-h-0 grow flex-col overflow-y-auto outline-none">
          {session.data ? (
            shut ? (
              <SignIn />
            ) : (
              <Allowed chatOnly={chatOnly}>{children}</Allowed>
            )
          ) : (
            <Page>
              {session.error ? (
                <ErrorState error={session.error} retry={() => void session.refetch()} />
              ) : (
                <Waiting what={t.waitingFor.session} />
              )}
            </Page>
          )}
        </main>
      </div>
    </div>
  );
}

function Allowed({ chatOnly, children }: { chatOnly: boolean; children: ReactNode }) {
  const path = usePathname();
  if (!chatOnly || path === "/") return children;
  return (
    <Page>
      <EmptyState
        title={t.notAllowed.title}
        action={
          <Button asChild>
            <Link href="/">{t.notAllowed.action}</Link>
          </Button>
        }
      >
        {t.notAllowed.explain}
      </EmptyState>
    </Page>
  );
}

function Rail({ pages, signedIn }: { pages: typeof PAGES; signedIn: boolean }) {
  const path = usePathname();
  return (
    <div className="flex h-16 shrink-0 items-stretch border-t border-line bg-surface sm:h-auto sm:w-22 sm:flex-col sm:border-t-0 sm:border-r">
      <nav aria-label={t.nav.label} className="flex grow sm:flex-col sm:gap-1 sm:pt-3">
        {pages.map(({ path: target, label, Icon }) => {
          const here = target === "/" ? path === "/" : path.startsWith(target.slice(0, -1));
          return (
            <Link
              key={target}
              href={target}
              prefetch={false}
              aria-current={here ? "page" : undefined}
              className={cn(
                "flex min-w-0 grow basis-0 flex-col items-center justify-center gap-1 text-xs focus-visible:-outline-offset-4 sm:mx-1.5 sm:h-16 sm:grow-0 sm:basis-auto sm:rounded-md",
                here ? "font-strong text-accent sm:bg-accent-soft" : "text-soft hover:text-ink",
              )}
            >
              <Icon size={20} strokeWidth={here ? 2.2 : 1.7} aria-hidden />
              {label}
            </Link>
          );
        })}
      </nav>
      <You signedIn={signedIn} />
    </div>
  );
}

function You({ signedIn }: { signedIn: boolean }) {
  const { person, tied } = usePerson();
  const [theme, setTheme] = useTheme();
  const [asking, setAsking] = useState(false);
  const signOut = useSignOut();
  return (
    <>
      <Menu
        align="start"
        trigger={
          <button
            type="button"
            aria-label={t.you.menu}
            className="grid w-14 shrink-0 place-items-center text-soft hover:text-ink focus-visible:-outline-offset-4 sm:mb-3 sm:h-14 sm:w-auto"
          >
            <CircleUser size={22} strokeWidth={1.7} aria-hidden />
          </button>
        }
      >
        <p className="max-w-60 truncate px-2.5 py-1.5 text-sm font-strong">{t.you.talkingAs(person)}</p>
        {tied ? null : <MenuItem onSelect={() => setAsking(true)}>{t.you.change}</MenuItem>}
        <MenuLine />
        <MenuChoices
          label={t.theme.label}
          value={theme}
          onChange={(value) => setTheme(value as Theme)}
          choices={(["system", "light", "dark"] as const).map((value) => ({ value, label: t.theme[value] }))}
        />
        {signedIn ? (
          <>
            <MenuLine />
            <MenuItem onSelect={() => void signOut()}>{t.you.signOut}</MenuItem>
          </>
        ) : null}
      </Menu>
      {asking ? <WhoTalks onClose={() => setAsking(false)} /> : null}
    </>
  );
}
