import { z } from "zod";

import type { Setting } from "@/lib/settings";
import { settings as t } from "@/texts/settings";

/** Numbers and lists are text while they are written; of a secret only what is new, null to remove it. */
export type Field = string | boolean | null;
export type Fields = Record<string, Field>;

/** The name in the form: dots would nest. */
export function fieldOf(key: string): string {
  return key.replaceAll(".", "/");
}

export function formOf(settings: Setting[]): Fields {
  return Object.fromEntries(settings.map((each) => [fieldOf(each.key), shown(each)]));
}

function shown({ type, value }: Setting): Field {
  if (type === "secret") return "";
  if (type === "boolean") return value === true;
  if (Array.isArray(value)) return value.map(String).join("\n");
  return value === null ? "" : String(value);
}

/** What is wrong with a field, in a sentence. */
export function wrongWith(setting: Setting, field: Field): string | undefined {
  if (setting.type !== "number" || field === "") return undefined;
  const least = setting.min ?? -Infinity;
  const most = setting.max ?? Infinity;
  const range = t.wrong.range(least, most);
  return z.coerce.number(t.wrong.number).min(least, range).max(most, range).safeParse(field).error?.issues[0]?.message;
}

/** What is to be stored of what stands in the form; null unsets. */
export function changesOf(settings: Setting[], fields: Fields): Record<string, unknown> {
  const changes: Record<string, unknown> = {};
  for (const setting of settings) {
    const field = fields[fieldOf(setting.key)];
    if (setting.fixed || field === undefined || field === shown(setting)) continue;
    changes[setting.key] = meant(setting, field);
  }
  return changes;
}

function meant({ type }: Setting, field: Field): unknown {
  if (typeof field !== "string") return field;
  if (type === "number") return field === "" ? null : Number(field);
  if (type === "list")
    return field
      .split("\n")
      .map((line) => line.trim())
      .filter(Boolean);
  return field.trim();
}
