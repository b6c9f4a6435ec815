"use client";

import { useQuery } from "@tanstack/react-query";

import { ApiError, request } from "@/lib/api";
import type { DiscordState } from "@/lib/settings";

const EVERY_MS = 5000;

export interface Standing {
  version: string;
  uptime_seconds: number;
  memory_usage_mb: number;
  turns: { answered: number; under_way: number; errors: Record<string, number> };
  database: { mode?: string; schema_version?: number };
  llm: { mode?: string; host?: string | null; model?: string | null; endpoints?: { host?: string; model?: string | null; state?: string }[] };
  models: { embedding?: string; dimensions?: number };
  versions: Record<string, string>;
  milliseconds: Record<string, { p50: number; p95: number }>;
  errors: { at: string; code: string; count: number; next_step: string }[];
  jobs: { waiting: number; running: number; dead: number; oldest_seconds: number } | null;
  discord: DiscordState;
}

export interface Totals {
  turns: number;
  prompt_tokens: number;
  completion_tokens: number;
  cost: number;
}

export interface Usage {
  days: (Totals & { day: string })[];
  by_character: (Totals & { character: string })[];
  by_person: (Totals & { platform: string | null; user_id: string | null; display_name: string })[];
}

export function useStanding() {
  return useQuery({ queryKey: ["status"], queryFn: ({ signal }) => request<Standing>("/status", { signal }), refetchInterval: EVERY_MS });
}

/** Null when it is ready, else why it is not. */
export function useReadiness() {
  return useQuery({
    queryKey: ["ready", "reason"],
    queryFn: async ({ signal }) => {
      try {
        await request("/ready", { signal });
        return null;
      } catch (error) {
        if (error instanceof ApiError && error.status === 503) return error.message;
        throw error;
      }
    },
    refetchInterval: EVERY_MS,
  });
}

export function useUsage(days: number) {
  return useQuery({
    queryKey: ["usage", days],
    queryFn: ({ signal }) => request<Usage>("/api/usage", { query: { days }, signal }),
    placeholderData: (before) => before,
  });
}
