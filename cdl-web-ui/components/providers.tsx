"use client";

import { QueryCache, QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";

import { Toasts } from "@/components/ui/toast";
import { ApiError } from "@/lib/api";

const ATTEMPTS = 2;

function client(): QueryClient {
  const queries: QueryClient = new QueryClient({
    queryCache: new QueryCache({
      onError: (error, query) => {
        // The session is over: the page asks for a key again.
        if (error instanceof ApiError && error.status === 401 && query.queryKey[0] !== "session")
          void queries.invalidateQueries({ queryKey: ["session"] });
      },
    }),
    defaultOptions: {
      queries: {
        staleTime: 10_000,
        retry: (count, error) => count < ATTEMPTS && !(error instanceof ApiError && error.status >= 400 && error.status < 500),
      },
    },
  });
  return queries;
}

export function Providers({ children }: { children: ReactNode }) {
  const [queries] = useState(client);
  return (
    <QueryClientProvider client={queries}>
      <Toasts>{children}</Toasts>
    </QueryClientProvider>
  );
}
