import type { CharacterSummary } from "@/lib/types";

/** A CDL document, or a part of one. */
export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
export type Document = { [name: string]: Json };

export interface Character extends CharacterSummary {
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

export interface Problem {
  /** Such as `identity.appearance[0].text`. */
  path: string;
  message: string;
  allowed?: string;
}

export interface Change {
  path: string;
  kind: "added" | "removed" | "changed";
  before?: Json;
  after?: Json;
}

export interface Version {
  version: number;
  saved_at: string;
  by: string;
  summary: string;
  current: boolean;
}

export interface PromptSection {
  name: string;
  role: string;
  text: string;
  tokens: number;
  required: boolean;
  cut: string | null;
}

export interface Prompt {
  sections: PromptSection[];
  tokens: number;
  budget: number;
}

export interface ImportPreview {
  format: string;
  name: string;
  display_name: string;
  exists: boolean;
  has_picture: boolean;
  files: number;
  definition: Document;
  lost: { path: string; why: string }[];
  warnings: string[];
}
