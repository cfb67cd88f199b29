// A situation in words, and how loud to say it.

import { duration } from '../../i18n/duration.ts';
import type { Messages } from '../../i18n/messages.ts';
import type { Screen } from './screen.ts';
import type { Situation } from './situation.ts';

/** `good` needs no attention; `busy` passes by itself; `warn` spoils the picture; `bad` means there is none to trust. */
export type Tone = 'good' | 'busy' | 'warn' | 'bad';

export type Wording = { readonly tone: Tone; readonly title: string; readonly detail: string };

export function wording(now: Situation, t: Messages): Wording {
  switch (now.kind) {
    case 'connecting':
      return { tone: 'busy', title: t.connecting, detail: '' };
    case 'starting':
      return { tone: 'busy', title: t.starting, detail: now.message ?? t.startingDetail };
    case 'live':
      return { tone: 'good', title: t.live, detail: '' };
    case 'late':
      return { tone: 'warn', title: t.late, detail: t.lateDetail(duration(now.age_ms, t)) };
    case 'frozen':
      return { tone: 'bad', title: t.frozen, detail: now.message ?? t.frozenDetail };
    case 'placeholder':
      return { tone: 'warn', title: t.placeholder, detail: now.message ?? t.placeholderDetail };
    case 'camera_error':
      return { tone: 'bad', title: t.cameraError, detail: now.message ?? t.cameraErrorDetail };
    case 'full':
      return { tone: 'bad', title: t.full, detail: t.fullDetail };
    case 'unreachable':
      return { tone: 'bad', title: t.unreachable, detail: t.unreachableDetail };
    case 'reconnecting':
      return { tone: 'busy', title: t.reconnecting, detail: t.reconnectingDetail };
    case 'sign_in':
      return { tone: 'bad', title: t.signIn, detail: t.signInDetail };
    case 'refused':
      return { tone: 'bad', title: t.refused, detail: now.message ?? t.refusedDetail };
    case 'paused':
      return { tone: 'busy', title: t.paused, detail: t.pausedDetail };
    case 'no_camera':
      return { tone: 'bad', title: t.noCamera, detail: t.noCameraDetail };
    default:
      return now satisfies never;
  }
}

/** When the next try is; nothing where none is waited for. */
export function retryWords(screen: Screen, t: Messages): string {
  const at_ms = screen.retryAt_ms.value;
  if (at_ms === null) {
    return '';
  }
  const seconds = Math.ceil((at_ms - screen.now_ms.value) / 1000);
  return seconds > 0 ? t.retryIn(seconds) : t.retrying;
}
