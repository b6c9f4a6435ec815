"use client";

import { usePathname, useRouter, useSearchParams } from "next/navigation";
import type { ReactNode } from "react";

import { Appearance } from "@/components/settings/appearance";
import { Audit } from "@/components/settings/audit";
import { Bots } from "@/components/settings/bots";
import { Endpoints } from "@/components/settings/endpoints";
import { Group } from "@/components/settings/group";
import { Keys } from "@/components/settings/keys";
import { Trial } from "@/components/settings/trial";
import { ErrorState, Page, PageHeader, Waiting } from "@/components/ui/states";
import { Tabs } from "@/components/ui/tabs";
import { type Setting, useSettings } from "@/lib/settings";
import { settings as t } from "@/texts/settings";

const ENDPOINTS = "llm.endpoints";
/** Groups of the service in the order of the page; one that is not here comes after them. */
const GROUPS = ["Language model", "Characters", "Memory", "Discord", "Limits"];

export function Settings() {
  const found = useSettings();
  const query = useSearchParams();
  const router = useRouter();
  const path = usePathname();
  const groups = [...new Set([...GROUPS, ...(found.data ?? []).map((each) => each.group)])];
  const parts = [...groups.map(partOf), "keys", "appearance", "audit"];
  const here = parts.find((each) => each === query.get("part")) ?? parts[0] ?? "";
  const of = (group: string) => (found.data ?? []).filter((each) => each.group === group && each.key !== ENDPOINTS);
  const settled = (content: ReactNode) =>
    found.data ? content : found.error ? <ErrorState error={found.error} retry={() => void found.refetch()} /> : <Waiting what={t.loading} />;

  return (
    <Page>
      <PageHeader title={t.title} intro={t.intro} />
      <Tabs
        label={t.parts.label ?? ""}
        value={here}
        onChange={(part) => router.replace(`${path}?part=${part}`, { scroll: false })}
        tabs={[
          ...groups.map((group) => ({ value: partOf(group), label: t.parts[group] ?? group, content: settled(<GroupPart group={group} settings={of(group)} endpoints={found.data?.find((each) => each.key === ENDPOINTS)} />) })),
          { value: "keys", label: t.parts.keys, content: <Keys /> },
          { value: "appearance", label: t.parts.appearance, content: <Appearance /> },
          { value: "audit", label: t.parts.audit, content: <Audit /> },
        ]}
      />
    </Page>
  );
}

/** What stands in the address: "Language model" is `language-model`. */
function partOf(group: string): string {
  return group.toLowerCase().replaceAll(" ", "-");
}

function GroupPart({ group, settings, endpoints }: { group: string; settings: Setting[]; endpoints: Setting | undefined }) {
  if (group === "Language model")
    return (
      <>
        <Group settings={settings} />
        <Trial />
        {endpoints ? <Endpoints key={JSON.stringify(endpoints.value)} setting={endpoints} /> : null}
      </>
    );
  return (
    <>
      {group === "Discord" ? <Bots /> : null}
      <Group settings={settings} />
    </>
  );
}
