"use client";

import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef } from "react";

import { ApiError } from "@/lib/api";
import { useReady } from "@/lib/ready";
import { common as t } from "@/texts/common";

/** A strip that says so while the service is away, and brings everything up to date when it is back. */
export function Connection() {
  const queries = useQueryClient();
  const { error } = useReady();
  const away = error !== null;
  const was = useRef(false);
  useEffect(() => {
    if (was.current && !away) void queries.invalidateQueries({ predicate: (query) => query.queryKey[0] !== "ready" });
    was.current = away;
  }, [away, queries]);
  return (
    <div role="status" className={away ? "bg-danger-soft px-4 py-2 text-center text-sm" : undefined}>
      {away ? (error instanceof ApiError && error.status > 0 ? error.message : t.offline) : null}
    </div>
  );
}
