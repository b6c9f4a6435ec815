/** Requests to the service. It answers every failure in one form: {"success": false, "error", "code"}. */
import type { Answer, AnyCall, Calling, Route } from "@/lib/routes";

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

/** The raw answer to a call that succeeded. Throws ApiError for anything else; an AbortError passes through. */
export async function open<R extends Route>(route: R, ...[given]: Calling<R>): Promise<Response> {
  const call: AnyCall = given ?? {};
  const plain = call.body instanceof Blob || call.body instanceof FormData;
  const headers: Record<string, string> = { Accept: "application/json", ...call.headers };
  if (call.body !== undefined && !plain) headers["Content-Type"] = "application/json";
  let response: Response;
  try {
    response = await fetch(addressOf(route, call), {
      method: route.slice(0, route.indexOf(" ")),
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
export async function request<R extends Route>(route: R, ...call: Calling<R>): Promise<Answer<R>> {
  return (await (await open(route, ...call)).json()) as Answer<R>;
}

/** The same with the answer's ETag, for documents that are saved with If-Match. */
export async function requestTagged<R extends Route>(route: R, ...call: Calling<R>): Promise<{ value: Answer<R>; etag: string | null }> {
  const response = await open(route, ...call);
  return { value: (await response.json()) as Answer<R>, etag: response.headers.get("ETag") };
}

/** Where a route is asked, for links to files. */
export function address<R extends Route>(route: R, ...[call]: Calling<R>): string {
  return addressOf(route, call ?? {});
}

function addressOf(route: string, { path, query }: AnyCall): string {
  const set = Object.entries(query ?? {}).filter(([, value]) => value !== undefined);
  // Names and ids may hold anything.
  const place = route.slice(route.indexOf(" ") + 1).replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(path?.[name])));
  return set.length ? `${place}?${new URLSearchParams(set.map(([name, value]) => [name, String(value)])).toString()}` : place;
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
