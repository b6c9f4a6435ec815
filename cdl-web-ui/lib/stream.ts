import { ApiError, open } from "@/lib/api";
import type { Answer, Memory } from "@/lib/api-schema";
import type { AnyCall, Call, Calling } from "@/lib/routes";

interface Reading {
  primary_emotion: string;
  intensity: number;
}

/** The answer of a turn, with what the level `extended` adds. */
export interface ChatAnswer extends Answer {
  metadata?: {
    ai_components: { emotion_data: Reading; bot_emotion?: Reading };
    vector_memory?: { memories: Memory[] };
    usage?: { prompt_tokens: number | null; completion_tokens: number | null };
  };
}

type Streaming = "POST /api/chat" | "POST /api/chat/regenerate" | "POST /api/characters/try";

interface Told {
  event: string;
  data: string;
}

/** The server-sent events of a body, as they come. */
export async function* events(body: ReadableStream<Uint8Array>): AsyncGenerator<Told> {
  const reader = body.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop() ?? "";
    for (const block of blocks) {
      const told: Told = { event: "message", data: "" };
      for (const line of block.split("\n")) {
        if (line.startsWith("event: ")) told.event = line.slice(7);
        else if (line.startsWith("data: ")) told.data += line.slice(6);
      }
      if (told.data) yield told;
    }
  }
}

/** A streamed answer; `onText` gets all that was said until now, at most once for each frame that is painted.
 *
 * Throws ApiError, with the code `cut` when the stream ended before the answer did.
 */
export async function streamed<R extends Streaming>(
  route: R,
  call: Call<R> & { signal: AbortSignal },
  onText: (text: string) => void,
): Promise<ChatAnswer> {
  const streaming = { ...call, body: { ...(call as AnyCall & { body: object }).body, stream: true } };
  const response = await open(route, ...([streaming] as unknown as Calling<R>));
  const requestId = response.headers.get("X-Request-Id");
  let text = "";
  let frame = 0;
  const show = () => {
    frame = 0;
    onText(text);
  };
  try {
    for await (const { event, data } of events(response.body ?? new ReadableStream())) {
      const told = JSON.parse(data) as Record<string, unknown>;
      if (event === "token") {
        text += String(told.token);
        frame ||= requestAnimationFrame(show);
      } else if (event === "done") {
        return told as unknown as ChatAnswer;
      } else if (event === "error") {
        throw new ApiError(String(told.error), String(told.code), 502, requestId, told);
      }
    }
  } catch (error) {
    if (call.signal.aborted || error instanceof ApiError) throw error;
  } finally {
    cancelAnimationFrame(frame);
    onText(text);
  }
  throw new ApiError("The answer broke off before its end.", "cut", 0, requestId);
}
