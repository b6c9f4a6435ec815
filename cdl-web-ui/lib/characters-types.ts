import type { Change as ToldChange, Character as ToldCharacter } from "@/lib/api-schema";
import type { Answer } from "@/lib/routes";

/** A CDL document, or a part of one. Its language is read at run time, as a JSON Schema. */
export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
export type Document = { [name: string]: Json };

export interface Character extends ToldCharacter {
  definition: Document;
}

/** A place of the JSON Schema of the language, as far as the editor reads it. */
export interface Node {
  type?: string | string[];
  description?: string;
  examples?: Json[];
  enum?: Json[];
  pattern?: string;
  minimum?: number;
  maximum?: number;
  maxLength?: number;
  properties?: Record<string, Node>;
  items?: Node;
  additionalProperties?: boolean | Node;
}

/** A change of a document, the service's or one that is found here. */
export interface Change extends Pick<ToldChange, "path" | "kind"> {
  before?: Json;
  after?: Json;
}

export type ImportPreview = Extract<Answer<"POST /api/characters/import">, { dry_run: true }>;
