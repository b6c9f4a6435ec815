"use client";

import { useQuery, useQueryClient } from "@tanstack/react-query";

import { ApiError, request } from "@/lib/api";
import type { Answer } from "@/lib/routes";
import { useStored } from "@/lib/stored";

type Session = Omit<Answer<"GET /api/session">, "success">;

const OPEN: Session = { authenticated: false, required: false, scope: "admin", person: null, character: null };
const CLOSED: Session = { ...OPEN, required: true, scope: null };

/** Who this browser is to the service. */
export function useSession() {
  return useQuery({ queryKey: ["session"], queryFn: ask, staleTime: 60_000 });
}

async function ask(): Promise<Session> {
  try {
    return await request("GET /api/session");
  } catch (error) {
    // An old cookie is refused as a wrong key is; a service that names no session has nothing to sign in to.
    if (error instanceof ApiError && error.status === 401) return CLOSED;
    if (error instanceof ApiError && (error.status === 404 || error.status === 405)) return OPEN;
    throw error;
  }
}

export function useSignIn(): (key: string) => Promise<void> {
  const queries = useQueryClient();
  return async (key) => {
    await request("POST /api/session", { headers: { Authorization: `Bearer ${key}` } });
    await queries.resetQueries();
  };
}

export function useSignOut(): () => Promise<void> {
  const queries = useQueryClient();
  return async () => {
    await request("DELETE /api/session");
    await queries.resetQueries();
  };
}

/** The person whose words and memory this page shows: the key's own, else the one named in this browser. */
export function usePerson(): { person: string; tied: boolean; setPerson: (person: string) => void } {
  const { data: session } = useSession();
  const [kept, keep] = useStored("person");
  return {
    person: session?.person ?? kept ?? "me",
    tied: Boolean(session?.person),
    setPerson: (person) => keep(person),
  };
}
