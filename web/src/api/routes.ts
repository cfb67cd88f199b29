// The routes of the server as its document has them: a path, a parameter or a body that is not there does not compile.

import type { paths } from './schema.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

type Operation<M extends Method, P extends keyof paths> = paths[P][Lowercase<M> & keyof paths[P]];

/** Paths that take a method. */
export type Path<M extends Method> = {
  [P in keyof paths]: [Operation<M, P>] extends [never] ? never : Operation<M, P> extends { readonly responses: unknown } ? P : never;
}[keyof paths];

type PathPart<O> = O extends { readonly parameters: { readonly path: infer X } } ? { readonly path: X } : { readonly path?: never };
type QueryPart<O> = O extends { readonly parameters: { readonly query?: infer X } } ? { readonly query?: X } : { readonly query?: never };
type BodyPart<O> =
  O extends { readonly requestBody: { readonly content: { readonly 'application/json': infer X } } } ? { readonly body: X }
  : { readonly body?: never };
type StatePart<O> =
  O extends { readonly parameters: { readonly header: { readonly 'If-Match': string } } } ? { readonly etag: string }
  : { readonly etag?: never };

/** What stands in the address. */
export type Where<M extends Method, P extends Path<M>> = PathPart<Operation<M, P>> & QueryPart<Operation<M, P>>;

/** And what is sent; `etag` is the state it is meant for, where the server asks for that. */
export type Asked<M extends Method, P extends Path<M>> = Where<M, P> & BodyPart<Operation<M, P>> & StatePart<Operation<M, P>>;

/** The JSON of an answer that is no refusal. */
export type Answer<M extends Method, P extends Path<M>> =
  Operation<M, P> extends { readonly responses: infer R } ? JsonOf<R[keyof R & (200 | 201 | 202)]> : never;

type JsonOf<R> = R extends { readonly content: { readonly 'application/json': infer X } } ? X : never;

type Parts = {
  readonly path?: Readonly<Record<string, string | number>>;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
};

/** The address, relative to the page. */
export function addressOf<M extends Method, P extends Path<M>>(_: M, path: P, where: Where<M, P>): string {
  const { path: names = {}, query = {} } = where as Parts;
  const place = path.slice(1).replace(/\{(\w+)\}/g, (_whole, name: string) => encodeURIComponent(String(names[name])));
  const asked = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) {
      asked.set(name, String(value));
    }
  }
  const text = asked.toString();
  return text === '' ? place : `${place}?${text}`;
}

type Given<T> = { readonly [K in keyof T]?: Exclude<NonNullable<T[K]>, ''> };

/** What of it is neither null nor empty: the others are not asked for. */
export function given<T extends object>(parts: T): Given<T> {
  return Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== null && value !== '')) as Given<T>;
}
