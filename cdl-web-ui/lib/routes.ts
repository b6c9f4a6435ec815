/** What the service's routes take and give, read out of its own description (`api-schema.d.ts`, written by
 * scripts/api_types.py). */
import type { paths } from "@/lib/api-schema";

type Method = "get" | "post" | "put" | "patch" | "delete";

/** Such as `GET /api/characters/{name}`. */
export type Route = {
  [Path in keyof paths]: { [M in Method]: paths[Path][M] extends object ? `${Uppercase<M>} ${Path}` : never }[Method];
}[keyof paths];

type Operation<R extends Route> = R extends `${infer M} ${infer Path extends keyof paths}` ? paths[Path][Lowercase<M> & Method & keyof paths[Path]] : never;

type AnswerAt<R extends Route, Status extends number> =
  Operation<R> extends { responses: { [S in Status]: { content: { "application/json": infer Json } } } } ? Json : never;

/** The JSON that a route answers with. */
export type Answer<R extends Route> = AnswerAt<R, 200> | AnswerAt<R, 201>;

type Sent<Content> = Content extends { "application/json": infer Json } ? Json : Content extends { "multipart/form-data": unknown } ? FormData : Blob;

/** What a route takes: JSON, or a form or a file, which go as they are. */
export type Body<R extends Route> =
  Operation<R> extends { requestBody?: infer Taken } ? (NonNullable<Taken> extends { content: infer Content } ? Sent<Content> : never) : never;

type Query<R extends Route> = Operation<R> extends { parameters: { query?: infer Names } } ? NonNullable<Names> : never;

/** What goes with a call; `undefined` in a query leaves a parameter out. */
export type Call<R extends Route> = {
  query?: Query<R>;
  headers?: Record<string, string>;
  signal?: AbortSignal;
} & (Operation<R> extends { parameters: { path: infer Names } } ? { path: { [Name in keyof Names]: string | number } } : { path?: never }) &
  (Operation<R> extends { requestBody: object } ? { body: Body<R> } : { body?: Body<R> });

/** The call may be left out where a route needs nothing. */
export type Calling<R extends Route> = Partial<Call<R>> extends Call<R> ? [call?: Call<R>] : [call: Call<R>];

/** A call of any route, as it is carried out. */
export interface AnyCall {
  path?: Record<string, string | number>;
  query?: Record<string, unknown>;
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}
