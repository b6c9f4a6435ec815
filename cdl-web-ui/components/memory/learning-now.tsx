"use client";

import { useQuery } from "@tanstack/react-query";

import { useSession } from "@/lib/session";
import { request } from "@/lib/api";
import { memory } from "@/texts/memory";

const t = memory.learning;
const EVERY_MS = 5_000;

/** One sentence on the jobs that learn from what was said. Only an admin may see the queue of everybody. */
export function LearningNow() {
  const { data: session } = useSession();
  const { data } = useQuery({
    queryKey: ["status", "jobs"],
    queryFn: ({ signal }) => request("GET /status", { signal }),
    enabled: session?.scope === "admin",
    refetchInterval: EVERY_MS,
  });
  const jobs = data?.jobs;
  if (!jobs) return null;
  const { waiting, running, dead } = jobs;
  const told = [running ? t.running(running) : "", waiting ? t.waiting(waiting) : "", dead ? t.dead(dead) : ""].filter(Boolean);
  return (
    <p role="status" aria-label={t.title} className="mb-6 text-sm text-soft">
      {told.length ? told.join(" ") : t.idle}
    </p>
  );
}
