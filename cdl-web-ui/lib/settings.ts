"use client";

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback } from "react";

import { request } from "@/lib/api";

export type SettingValue = string | number | boolean | null | string[] | Endpoint[];

export interface Setting {
  key: string;
  group: string;
  label: string;
  help: string;
  type: "text" | "number" | "boolean" | "choice" | "secret" | "list";
  choices: string[] | null;
  /** Null for every secret. */
  value: SettingValue;
  /** Whether a value is stored or fixed. */
  set: boolean;
  source: "environment" | "stored" | "default";
  /** The environment's word stands; it cannot be changed here. */
  fixed: boolean;
  variable: string;
  min: number | null;
  max: number | null;
  /** Why a stored secret cannot be used, with what to do. */
  problem: string | null;
}

/** A further endpoint. Its key is sent when it is new, null takes it away, absent keeps it. */
export interface Endpoint {
  url: string;
  model?: string;
  name?: string;
  key?: string | null;
  key_set?: boolean;
  temperature?: number;
  max_tokens?: number;
  prices?: { prompt: number; completion: number };
  fallback?: boolean;
}

export interface AuditEntry {
  at: string;
  by: string;
  key: string;
  before: string | null;
  after: string | null;
}

export interface ApiKey {
  prefix: string;
  name: string;
  scope: "admin" | "chat";
  person: string | null;
  character: string | null;
  created_at: string;
  last_used_at: string | null;
  revoked_at: string | null;
}

export interface DiscordBot {
  character: string;
  name: string | null;
  invite_url: string | null;
  state: string;
  problem: string | null;
  next_step: string | null;
  guilds: number;
  shards: { id: number; state: string; latency_ms: number | null; guilds: number }[];
}

export interface DiscordState {
  enabled: boolean;
  problem: string | null;
  next_step: string | null;
  bots: DiscordBot[];
}

interface Settings {
  settings: Setting[];
}

export function useSettings() {
  return useQuery({ queryKey: ["settings"], queryFn: () => request<Settings>("/api/settings") });
}

/** Changes all or none; the answer is how everything stands now. */
export function useChangeSettings(): (changes: Record<string, unknown>) => Promise<void> {
  const queries = useQueryClient();
  return useCallback(
    async (changes) => {
      const answer = await request<Settings>("/api/settings", { method: "PATCH", body: { changes } });
      queries.setQueryData(["settings"], answer);
      await queries.invalidateQueries({ predicate: ({ queryKey }) => ["audit", "discord", "status", "ready"].includes(String(queryKey[0])) });
    },
    [queries],
  );
}
