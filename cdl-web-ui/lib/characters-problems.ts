"use client";

import { createContext, useContext } from "react";

import type { Problem } from "@/lib/api-schema";
import { placeOf } from "@/lib/characters-schema";

export type Problems = ReadonlyMap<string, string>;

export const ProblemsContext = createContext<Problems>(new Map());

/** What the service found wrong, by the place in the form. */
export function byPlace(problems: Problem[]): Problems {
  return new Map(problems.map((each) => [placeOf(each.path), each.message]));
}

export function useProblem(place: string): string | undefined {
  return useContext(ProblemsContext).get(place);
}

export function countIn(problems: Problems, parts: string[]): number {
  return [...problems.keys()].filter((place) => parts.some((part) => place === part || place.startsWith(`${part}.`))).length;
}
