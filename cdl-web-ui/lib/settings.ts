"use client";

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback } from "react";

import { request } from "@/lib/api";
import type { Setting as Told } from "@/lib/api-schema";
import type { Body } from "@/lib/routes";

export type SettingValue = string | number | boolean | null | string[] | Endpoint[];

export interface Setting extends Told {
  type: "text" | "number" | "boolean" | "choice" | "secret" | "list";
  /** Null for every secret. */
  value: SettingValue;
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

export function useSettings() {
  return useQuery({ queryKey: ["settings"], queryFn: async () => (await request("GET /api/settings")).settings as Setting[] });
}

/** Changes all or none; the answer is how everything stands now. */
export function useChangeSettings(): (changes: Body<"PATCH /api/settings">["changes"]) => Promise<void> {
  const queries = useQueryClient();
  return useCallback(
    async (changes) => {
      const { settings } = await request("PATCH /api/settings", { body: { changes } });
      queries.setQueryData(["settings"], settings);
      await queries.invalidateQueries({ predicate: ({ queryKey }) => ["audit", "discord", "status", "ready"].includes(String(queryKey[0])) });
    },
    [queries],
  );
}
