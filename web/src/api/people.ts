// Who may do what: users, sessions, tokens, links, and the log of what was done.

import { getJson, send, sendFor } from './client.ts';
import { given } from './routes.ts';
import type { Shape } from './shape.ts';
import type { Outcome, Part, Schema } from './types.ts';

export type Role = Schema<'Role'>;
export const ROLES = ['viewer', 'operator', 'admin'] as const satisfies readonly Role[];

/** How far somebody may go. */
export type Grant = Part<'UserView', 'role' | 'cameras' | 'allow' | 'deny'>;
export type User = Schema<'UserView'>;
export type Session = Schema<'SessionView'> & { readonly is_current: boolean };
export type Token = Schema<'TokenView'>;
export type Link = Schema<'LinkView'>;
export type Entry = Schema<'Noted'>;

const texts = (list: Shape<readonly string[]>): string[] => list.items().map((item) => item.string());
const number = (shape: Shape<number>): number => shape.number();
const string = (shape: Shape<string>): string => shape.string();

function listOf<I, T>(read: (item: Shape<I>) => T): (body: Shape<{ readonly items: readonly I[] }>) => T[] {
  return (body) => body.field('items').items().map(read);
}

function grantOf(shape: Shape<Grant>): Grant {
  return {
    role: shape.field('role').oneOf(ROLES),
    cameras: shape.field('cameras').optional(texts),
    allow: texts(shape.field('allow')),
    deny: texts(shape.field('deny')),
  };
}

export function parseUser(user: Shape<User>): User {
  return {
    id: user.field('id').number(),
    name: user.field('name').string(),
    created_s: user.field('created_s').number(),
    ...grantOf(user),
  };
}

export function getUsers(signal: AbortSignal): Promise<Outcome<User[]>> {
  return getJson('/api/v1/users', {}, listOf(parseUser), signal);
}

export function getSessions(signal: AbortSignal): Promise<Outcome<Session[]>> {
  return getJson('/api/v1/sessions', {}, listOf((session: Shape<Session>) => ({
    id: session.field('id').number(),
    user: session.field('user').string(),
    address: session.field('address').string(),
    user_agent: session.field('user_agent').optional(string),
    created_s: session.field('created_s').number(),
    seen_s: session.field('seen_s').number(),
    is_current: session.field('is_current').flag(),
  })), signal);
}

export function getTokens(signal: AbortSignal): Promise<Outcome<Token[]>> {
  return getJson('/api/v1/tokens', {}, listOf((token: Shape<Token>) => ({
    id: token.field('id').number(),
    name: token.field('name').string(),
    user: token.field('user').optional(string),
    created_s: token.field('created_s').number(),
    expires_s: token.field('expires_s').optional(number),
    ...grantOf(token),
  })), signal);
}

export function getLinks(signal: AbortSignal): Promise<Outcome<Link[]>> {
  return getJson('/api/v1/links', {}, listOf((link: Shape<Link>) => ({
    id: link.field('id').number(),
    user: link.field('user').optional(string),
    camera: link.field('camera').string(),
    what: link.field('what').oneOf(['stream', 'snapshot']),
    created_s: link.field('created_s').number(),
    expires_s: link.field('expires_s').number(),
  })), signal);
}

export type NewToken = Grant & { readonly name: string; readonly expires_in_s: number | null };

/** The secret, which the server tells this once. */
export function makeToken(token: NewToken, signal: AbortSignal): Promise<Outcome<string>> {
  return sendFor('POST', '/api/v1/tokens', { body: token }, (body) => body.field('secret').there().string(), signal);
}

/** One user more (`id` null), or what is different of one. A password that is empty stays as it is. */
export function keepUser(
  id: number | null,
  user: Grant & { readonly name: string; readonly password: string },
  signal: AbortSignal,
): Promise<Outcome<null>> {
  const { name, password, ...grant } = user;
  return id === null
    ? send('POST', '/api/v1/users', { body: { name, password, ...grant } }, signal)
    : send('PUT', '/api/v1/users/{id}', { path: { id }, body: { ...grant, ...given({ password }) } }, signal);
}

export type AuditFilter = {
  readonly who: string;
  readonly action: string;
  readonly camera: string;
  /** Days in the zone of whoever looks, `2026-05-01`; both are meant whole. */
  readonly from: string;
  readonly to: string;
};

export type AuditQuery = { who?: string; action?: string; camera?: string; from?: string; to?: string };

/** What of the filter is not empty, for an address. */
export function auditQuery(filter: AuditFilter): AuditQuery {
  const query: AuditQuery = {};
  for (const key of ['who', 'action', 'camera'] as const) {
    const text = filter[key].trim();
    if (text !== '') {
      query[key] = text;
    }
  }
  for (const [key, day, days] of [['from', filter.from, 0], ['to', filter.to, 1]] as const) {
    const parts = /^(\d{4})-(\d\d)-(\d\d)$/.exec(day);
    if (parts !== null) {
      // By its parts: a day has not always 24 hours.
      query[key] = new Date(Number(parts[1]), Number(parts[2]) - 1, Number(parts[3]) + days).toISOString();
    }
  }
  return query;
}

export function getAudit(filter: AuditFilter, before: number | null, limit: number, signal: AbortSignal): Promise<Outcome<Entry[]>> {
  return getJson('/api/v1/audit', { query: { ...auditQuery(filter), limit, ...given({ before }) } }, listOf((entry: Shape<Entry>) => ({
    id: entry.field('id').number(),
    at_ms: entry.field('at_ms').number(),
    who: entry.field('who').string(),
    address: entry.field('address').string(),
    action: entry.field('action').string(),
    camera: entry.field('camera').optional(string),
    times: entry.field('times').number(),
    detail: entry.field('detail').string(),
  })), signal);
}

/** `192.168.0.0/16, fd00::/8` as a list. */
export function networksOf(text: string): string[] {
  return text.split(/[\s,;]+/).filter((word) => word !== '');
}
