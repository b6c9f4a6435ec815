/** Requests to the service. It answers every failure in one form: {"success": false, "error", "code"}. */

export class ApiError extends Error {
  constructor(
    /** A sentence that says what happened and what to do next. */
    message: string,
    readonly code: string,
    /** The HTTP status; 0 when there was no answer. */
    readonly status: number,
    readonly requestId: string | null = null,
    /** The whole error document: some errors carry more (problems of fields, the present state of a conflict). */
    readonly body: Record<string, unknown> = {},
    readonly retryAfter: number | null = null,
  ) {
    super(message);
  }
}

export interface Call {
  method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Sent as JSON; a Blob or FormData goes as it is. */
  body?: unknown;
  /** `undefined` leaves a parameter out. */
  query?: Record<string, string | number | boolean | undefined>;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

/** The raw answer to a call that succeeded. Throws ApiError for anything else; an AbortError passes through. */
export async function open(path: string, call: Call = {}): Promise<Response> {
  const plain = call.body instanceof Blob || call.body instanceof FormData || call.body instanceof ArrayBuffer;
  const headers: Record<string, string> = { Accept: "application/json", ...call.headers };
  if (call.body !== undefined && !plain) headers["Content-Type"] = "application/json";
  let response: Response;
  try {
    response = await fetch(path + search(call.query), {
      method: call.method ?? "GET",
      headers,
      body: call.body === undefined ? undefined : plain ? (call.body as BodyInit) : JSON.stringify(call.body),
      credentials: "same-origin",
      signal: call.signal,
    });
  } catch (error) {
    if (call.signal?.aborted) throw error;
    throw new ApiError("The service did not answer. Check that it is running, then try again.", "no_answer", 0);
  }
  if (!response.ok) throw await failure(response);
  return response;
}

/** The JSON of an answer. */
export async function request<T>(path: string, call: Call = {}): Promise<T> {
  return (await (await open(path, call)).json()) as T;
}

/** The same with the answer's ETag, for documents that are saved with If-Match. */
export async function requestTagged<T>(path: string, call: Call = {}): Promise<{ value: T; etag: string | null }> {
  const response = await open(path, call);
  return { value: (await response.json()) as T, etag: response.headers.get("ETag") };
}

async function failure(response: Response): Promise<ApiError> {
  let body: Record<string, unknown> = {};
  try {
    body = (await response.json()) as Record<string, unknown>;
  } catch {
    // A proxy in between answers in its own form; the status is all there is.
  }
  const text = typeof body.error === "string" ? body.error : typeof body.reason === "string" ? body.reason : null;
  const wait = Number(response.headers.get("Retry-After"));
  return new ApiError(
    text ?? `The service answered with status ${response.status}. Try again in a moment.`,
    typeof body.code === "string" ? body.code : "http_error",
    response.status,
    response.headers.get("X-Request-Id"),
    body,
    Number.isFinite(wait) && wait > 0 ? wait : null,
  );
}

function search(query: Call["query"]): string {
  const set = Object.entries(query ?? {}).filter(([, value]) => value !== undefined);
  return set.length ? "?" + new URLSearchParams(set.map(([name, value]) => [name, String(value)])).toString() : "";
}

/** One path segment: names and ids may hold anything. */
export function seg(text: string): string {
  return encodeURIComponent(text);
}
