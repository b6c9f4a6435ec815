"use client";

import { useQuery } from "@tanstack/react-query";

import { ApiError, request } from "@/lib/api";
import type { Answer } from "@/lib/routes";

const EVERY_MS = 5000;

/** GET /status, with what its parts say that the description leaves open. */
export type Standing = Omit<Answer<"GET /status">, "database" | "llm" | "models" | "discord"> & {
  database: { mode?: string; schema_version?: number };
  llm: { mode?: string; host?: string | null; model?: string | null; endpoints?: { host?: string; model?: string | null; state?: string }[] };
  models: { embedding?: string; dimensions?: number };
  discord: Omit<Answer<"GET /api/discord">, "success">;
};

export type Usage = Answer<"GET /api/usage">;

export function useStanding() {
  return useQuery({ queryKey: ["status"], queryFn: async ({ signal }) => (await request("GET /status", { signal })) as Standing, refetchInterval: EVERY_MS });
}

/** Null when it is ready, else why it is not. */
export function useReadiness() {
  return useQuery({
    queryKey: ["ready", "reason"],
    queryFn: async ({ signal }) => {
      try {
        await request("GET /ready", { signal });
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
    queryFn: ({ signal }) => request("GET /api/usage", { query: { days }, signal }),
    placeholderData: (before) => before,
  });
}
