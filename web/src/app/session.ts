// Who is at the page, and what the server would let them do. The server decides; this only hides what it would refuse.

import { signal } from '@preact/signals';

import { getSession, send } from '../api/client.ts';
import type { Session } from '../api/types.ts';
import { forgetPlace } from './router.ts';

export type Right = 'see' | 'control' | 'share' | 'viewers' | 'own' | 'configure' | 'users' | 'audit';

const RANK = { viewer: 0, operator: 1, admin: 2 } as const;

/** None until the server has said it. */
export const session = signal<Session | null>(null);

export function mayDo(who: Session | null, right: Right, camera?: string): boolean {
  if (who === null || who.by === 'link') {
    return false;
  }
  const isSeen = camera === undefined || who.cameras === null || who.cameras.includes(camera);
  switch (right) {
    case 'see':
      return isSeen;
    case 'control':
    case 'share':
    case 'viewers':
      return isSeen && RANK[who.role] >= RANK.operator;
    case 'own':
      return who.by === 'session' || who.by === 'password';
    case 'configure':
    case 'users':
    case 'audit':
      return who.role === 'admin';
    default:
      return right satisfies never;
  }
}

/** The same for whoever is at the page. */
export function may(right: Right, camera?: string): boolean {
  return mayDo(session.value, right, camera);
}

/** Asks the server; false if the login has to come first, which is then on its way. */
export async function enter(signal: AbortSignal): Promise<boolean> {
  const answer = await getSession(signal);
  if (answer.kind === 'failed' && answer.failure.reason === 'refused' && answer.failure.status === 401) {
    toLogin();
    return false;
  }
  session.value = answer.kind === 'ok' ? answer.value : null;
  return true;
}

let isLeaving = false;

/** To the login, and back to this place afterwards; not for who signs out, whom a refused question may overtake. */
export function toLogin(): void {
  location.replace(isLeaving ? 'login' : `login${location.hash}`);
}

export async function leave(): Promise<void> {
  isLeaving = true;
  forgetPlace();
  await send('DELETE', '/api/v1/session', {}, new AbortController().signal);
  toLogin();
}
