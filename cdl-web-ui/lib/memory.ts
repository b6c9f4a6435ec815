"use client";

import { useQuery, useQueryClient } from "@tanstack/react-query";

import { ApiError, request } from "@/lib/api";
import type { Memory } from "@/lib/api-schema";
import type { Answer, AnyCall, Body, Call, Calling, Route } from "@/lib/routes";

/** Whose memory with whom. */
export interface Whose {
  person: string;
  character: string;
}

/** Routes of a person's memory with a character. */
type MemoryRoute<Method extends string> = Extract<Route, `${Method} /api/users/{user_id}/${string}`>;

/** The person, or null when nobody of this name has talked. */
export function usePersonShown(person: string) {
  return useQuery({
    queryKey: ["memory", person, "shown"],
    queryFn: async () => {
      try {
        return await request("GET /api/users/{user_id}", { path: { user_id: person } });
      } catch (error) {
        if (error instanceof ApiError && error.status === 404) return null;
        throw error;
      }
    },
  });
}

/** A list of a person's memory with a character. */
export function useMemory<R extends MemoryRoute<"GET">>(whose: Whose, route: R, query: Call<R>["query"]) {
  return useQuery({
    queryKey: ["memory", whose.person, whose.character, route, query],
    queryFn: ({ signal }) => ask(whose, route, { query, signal }),
  });
}

/** What would be recalled at these words. */
export async function recalled(person: string, query: { q: string; character: string; limit: number }, signal: AbortSignal): Promise<Memory[]> {
  const answer = await request("GET /api/users/{user_id}/memories", { path: { user_id: person }, query, signal });
  return "memories" in answer ? answer.memories : [];
}

/** Change something of the memory, then show how it stands. */
export function useMemoryChange(whose: Whose) {
  const queries = useQueryClient();
  return async <R extends MemoryRoute<"POST" | "PATCH" | "DELETE">>(route: R, path: Record<string, string> = {}, body?: Body<R>): Promise<Answer<R>> => {
    const answer = await ask(whose, route, { path, body });
    await queries.invalidateQueries({ queryKey: ["memory", whose.person] });
    // The chat shows the same messages.
    await queries.invalidateQueries({ queryKey: ["messages", whose.person] });
    return answer;
  };
}

function ask<R extends Route>({ person, character }: Whose, route: R, { path, query, ...rest }: AnyCall): Promise<Answer<R>> {
  const call = { ...rest, path: { ...path, user_id: person }, query: { character, ...query } };
  return request(route, ...([call] as unknown as Calling<R>));
}
