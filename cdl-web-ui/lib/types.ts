/** The service's documents as the page reads them. Times are ISO 8601, ids of messages text. */

export interface Session {
  authenticated: boolean;
  /** Whether the service asks for a key at all. */
  required: boolean;
  scope: "admin" | "chat" | null;
  person: string | null;
  character: string | null;
}

export interface CharacterSummary {
  name: string;
  display_name: string;
  description: string;
  tags: string[];
  avatar: string | null;
  version: number;
  archived: boolean;
  builtin: boolean;
  created_at: string;
  updated_at: string;
  color?: string | null;
}

export interface CharacterList {
  characters: CharacterSummary[];
  tags: { tag: string; count: number }[];
  default: string;
}

export type Feeling =
  | "anger"
  | "anticipation"
  | "disgust"
  | "fear"
  | "joy"
  | "love"
  | "optimism"
  | "pessimism"
  | "sadness"
  | "surprise"
  | "trust"
  | "neutral";

export interface Message {
  message_id: string;
  role: "person" | "character";
  channel: string;
  shared: boolean;
  said_at: string;
  content: string;
  feeling: Feeling | null;
  intensity: number | null;
  pinned: boolean;
  edited_at: string | null;
  reply_to: string | null;
}

export interface Channel {
  channel: string;
  shared: boolean;
  messages: number;
  last_at: string;
  last_text: string;
  /** How the person began. */
  first_text: string | null;
}

export interface Recalled {
  id: string;
  speaker: "user" | "character";
  content: string;
  said_at: string;
  score: number;
  scores: Record<string, number>;
  channel: string;
  pinned: boolean;
}

export interface Reading {
  primary_emotion: Feeling;
  intensity: number;
  confidence: number;
}

/** The answer of /api/chat at the level `extended`. */
export interface ChatAnswer {
  response: string;
  bot_name: string;
  message_id: string;
  response_id: string;
  memory_stored: boolean;
  llm: string;
  metadata?: {
    ai_components: { emotion_data: Reading; bot_emotion?: Reading };
    vector_memory?: { memories: Recalled[] };
    usage?: { prompt_tokens: number | null; completion_tokens: number | null };
  };
}

export interface Fact {
  fact_id: string;
  kind: string;
  slot: string;
  value: string;
  text: string;
  confidence: number;
  shared: boolean;
  pinned: boolean;
  /** Where it comes from: `pattern` and `model` read it in a message, `person` was told so. */
  origin: "pattern" | "model" | "person";
  valid_from: string;
  superseded_at: string | null;
  superseded_by: string | null;
  /** Ids of the messages that say it. */
  sources: string[];
}

export interface RelationshipStep {
  at: string;
  trust: number;
  affection: number;
  attunement: number;
  reason: string;
}

export interface Relationship {
  trust: number;
  affection: number;
  attunement: number;
  interactions: number;
  first_at: string | null;
  last_at: string | null;
  steps: RelationshipStep[];
}

export interface Felt {
  message_id: string;
  role: "person" | "character";
  said_at: string;
  feeling: Feeling;
  intensity: number | null;
}

export interface LLMTest {
  reachable: boolean;
  authorised: boolean;
  models: string[];
  streams: boolean;
  latency_ms: number | null;
  model: string | null;
  summary: string;
  next_step: string | null;
}

export interface FoundServer {
  name: string;
  url: string;
  models: string[];
}

/** GET /status, as far as every page may count on it. */
export interface ServiceStatus {
  [field: string]: unknown;
}
