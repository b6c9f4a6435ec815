import { z } from "zod";

import type { Change, Document, Json, Node } from "@/lib/characters-types";
import { labelOf as inWords } from "@/lib/words";
import { editor as t } from "@/texts/editor";

/** How a place of the schema is edited. */
export type Kind =
  | "line"
  | "area"
  | "choice"
  | "flag"
  | "share"
  | "number"
  | "number-or-text"
  | "flag-or-number"
  | "colour"
  | "lines"
  | "texts"
  | "items"
  | "object"
  | "free";

const LINE_CHARS = 2000;
const WORD_CHARS = 500;

export function kindOf(node: Node): Kind {
  const types = [node.type ?? []].flat();
  if (node.enum) return "choice";
  if (types.includes("array")) return listKind(node.items ?? {});
  if (types.includes("boolean")) return types.includes("number") ? "flag-or-number" : "flag";
  if (types.includes("number") || types.includes("integer")) {
    if (types.includes("string")) return "number-or-text";
    return node.minimum === 0 && node.maximum === 1 ? "share" : "number";
  }
  if (types.includes("object")) return node.properties ? "object" : "free";
  if (node.pattern?.startsWith("^#")) return "colour";
  return (node.maxLength ?? LINE_CHARS + 1) <= LINE_CHARS ? "line" : "area";
}

function listKind(item: Node): Kind {
  if (item.properties) return "items";
  return (item.maxLength ?? LINE_CHARS + 1) <= 20_000 ? "lines" : "texts";
}

/** Whether a line of it is so short that two fit beside each other. */
export function isShort(node: Node): boolean {
  const kind = kindOf(node);
  return ["choice", "flag", "number", "number-or-text", "flag-or-number", "colour", "share"].includes(kind) || (kind === "line" && (node.maxLength ?? 0) <= WORD_CHARS);
}

/** The part of the document that each section of the editor shows; what no section names is in the last one. */
const PARTS: Record<string, string[]> = {
  identity: ["name", "identity"],
  personality: ["personality"],
  voice: ["voice"],
  background: ["background", "present", "memories"],
  interests: ["interests", "expertise", "abilities", "curiosity"],
  relationships: ["relationships"],
  goals: ["goals"],
  emotions: ["emotions"],
  behaviour: ["conduct"],
  greetings: ["conversation"],
  lorebook: ["lorebook"],
  model: ["model"],
  discord: [],
  about: ["about", "avatar"],
};
/** The version of the language is not for authors to change. */
const FIXED = ["cdl"];

export interface SectionOf {
  id: string;
  label: string;
  parts: string[];
}

export function sectionsOf(schema: Node): SectionOf[] {
  const known = new Set([...Object.values(PARTS).flat(), ...FIXED]);
  const all = Object.keys(schema.properties ?? {});
  const other = all.filter((part) => !known.has(part));
  return Object.entries(PARTS).map(([id, parts]) => ({
    id,
    label: t.sections[id] ?? labelOf(id),
    parts: [...parts.filter((part) => all.includes(part)), ...(id === "about" ? other : [])],
  }));
}

/** What a field is called. */
export function labelOf(name: string): string {
  return inWords(name, t.labels);
}

export function exampleOf(node: Node): string {
  const example = node.examples?.[0];
  if (example === undefined || example === null) return "";
  if (Array.isArray(example)) return example.filter((each) => typeof each === "string").join("\n");
  return typeof example === "object" ? JSON.stringify(example) : String(example);
}

/** What is wrong with one value, in a sentence; undefined when nothing is. The whole document is judged by the service. */
export function wrongWith(node: Node, value: Json | undefined): string | undefined {
  if (value === undefined || value === null || value === "") return undefined;
  const found = checkOf(node)?.safeParse(value);
  return found?.error?.issues[0]?.message;
}

function checkOf(node: Node): z.ZodType | null {
  switch (kindOf(node)) {
    case "number":
    case "share": {
      const { minimum: least = -Infinity, maximum: most = Infinity } = node;
      const number = z.number().min(least, t.wrong.range(least, most)).max(most, t.wrong.range(least, most));
      return [node.type].flat().includes("integer") ? number.int(t.wrong.whole) : number;
    }
    case "line":
    case "area":
    case "colour": {
      const text = z.string().max(node.maxLength ?? Infinity, t.wrong.long(node.maxLength ?? 0));
      return node.pattern ? text.regex(new RegExp(node.pattern), t.wrong.pattern(exampleOf(node))) : text;
    }
    default:
      return null;
  }
}

/** `identity.appearance[0].text` as the editor's own `identity.appearance.0.text`. */
export function placeOf(path: string): string {
  return path.replace(/\[(\d+)\]/g, ".$1");
}

/** Without what was left empty: an emptied field is an absent one. Data of other programs stays as it is. */
export function pruned(document: Document): Document {
  return (without(document) as Document | undefined) ?? {};
}

function without(value: Json | undefined, name = ""): Json | undefined {
  if (name === "extensions") return value;
  if (value === undefined || value === null || value === "") return undefined;
  if (Array.isArray(value)) {
    const kept = value.map((each) => without(each)).filter((each) => each !== undefined);
    return kept.length ? kept : undefined;
  }
  if (typeof value !== "object") return value;
  const kept = Object.entries(value).flatMap(([key, each]) => {
    const left = without(each, key);
    return left === undefined ? [] : [[key, left] as const];
  });
  return kept.length ? Object.fromEntries(kept) : undefined;
}

/** The same for people, whatever the order of names. */
export function same(a: Json | undefined, b: Json | undefined): boolean {
  return canonical(a) === canonical(b);
}

function canonical(value: Json | undefined): string {
  return JSON.stringify(value, (_, each: Json) =>
    each && typeof each === "object" && !Array.isArray(each) ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1))) : each,
  );
}

/** Two people's changes to `base` joined; where both changed one place, `mine` stands. */
export function merged(base: Json | undefined, mine: Json | undefined, theirs: Json | undefined): Json | undefined {
  if (same(mine, base)) return theirs;
  if (same(theirs, base) || !isDocument(mine) || !isDocument(theirs)) return mine;
  const before = isDocument(base) ? base : {};
  const names = new Set([...Object.keys(theirs), ...Object.keys(mine)]);
  const joined: Document = {};
  for (const name of names) {
    const value = merged(before[name], mine[name], theirs[name]);
    if (value !== undefined) joined[name] = value;
  }
  return joined;
}

export function isDocument(value: Json | undefined): value is Document {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The places at which two documents differ; a list is one place. */
export function differing(before: Json | undefined, after: Json | undefined, path = ""): Change[] {
  if (same(before, after)) return [];
  if (isDocument(before) && isDocument(after))
    return [...new Set([...Object.keys(before), ...Object.keys(after)])].flatMap((name) =>
      differing(before[name], after[name], path ? `${path}.${name}` : name),
    );
  const kind = before === undefined ? "added" : after === undefined ? "removed" : "changed";
  return [{ path, kind, before, after }];
}

/** `identity.appearance[0].text` as people read it: "Identity, Appearance 1, Text". */
export function placeInWords(path: string): string {
  return placeOf(path)
    .split(".")
    .reduce<string[]>((words, part) => (/^\d+$/.test(part) && words.length ? [...words.slice(0, -1), `${words.at(-1)} ${Number(part) + 1}`] : [...words, labelOf(part)]), [])
    .join(", ");
}
