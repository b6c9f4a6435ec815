"use client";

import { useQuery } from "@tanstack/react-query";

import { request } from "@/lib/api";

const CALM_MS = 20_000;
const EAGER_MS = 1_500;

/** Whether the service would answer a message, asked again and again; `llm` is "offline" where no model is set up. */
export function useReady() {
  return useQuery({
    queryKey: ["ready"],
    queryFn: ({ signal }) => request("GET /ready", { signal }),
    retry: false,
    staleTime: 0,
    refetchInterval: (query) => (query.state.status === "error" ? EAGER_MS : CALM_MS),
  });
}
