"use client";

import { useQuery, useQueryClient } from "@tanstack/react-query";

import { ApiError, request, seg } from "@/lib/api";

export interface PersonShown {
  display_name: string;
  time_zone: string;
  identities: { platform: string; platform_user_id: string }[];
  characters: { name: string; messages: number; last_at: string }[];
}

/** Whose memory with whom. */
export interface Whose {
  person: string;
  character: string;
}

/** The person, or null when nobody of this name has talked. */
export function usePersonShown(person: string) {
  return useQuery({
    queryKey: ["memory", person, "shown"],
    queryFn: async () => {
      try {
        return await request<PersonShown>(`/api/users/${seg(person)}`);
      } catch (error) {
        if (error instanceof ApiError && error.status === 404) return null;
        throw error;
      }
    },
  });
}

/** A list of a person's memory with a character. */
export function useMemory<T>(whose: Whose, part: string, query: Record<string, string | number | boolean | undefined> = {}) {
  return useQuery({
    queryKey: ["memory", whose.person, whose.character, part, query],
    queryFn: ({ signal }) => request<T>(memoryPath(whose, part), { query: { character: whose.character, ...query }, signal }),
  });
}

export function memoryPath(whose: Whose, part: string): string {
  return `/api/users/${seg(whose.person)}/${part}`;
}

/** Change something of the memory, then show how it stands. */
export function useMemoryChange(whose: Whose) {
  const queries = useQueryClient();
  return async <T>(method: "POST" | "PATCH" | "DELETE", part: string, body?: unknown): Promise<T> => {
    const answer = await request<T>(memoryPath(whose, part), { method, body, query: { character: whose.character } });
    await queries.invalidateQueries({ queryKey: ["memory", whose.person] });
    // The chat shows the same messages.
    await queries.invalidateQueries({ queryKey: ["messages", whose.person] });
    return answer;
  };
}
