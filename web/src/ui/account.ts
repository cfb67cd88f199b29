// Who is at the page: a way out for whoever logged in, and a plain word where nobody has to.

import { getSession, send } from '../api/client.ts';
import type { Messages } from '../i18n/messages.ts';
import { element, say } from './dom.ts';

export async function showAccount(t: Messages, signal: AbortSignal): Promise<void> {
  const button = element('sign-out', HTMLButtonElement);
  const banner = element('login-off', HTMLElement);
  const answer = await getSession(signal);
  if (answer.kind === 'failed' && answer.failure.reason === 'refused' && answer.failure.status === 401) {
    location.replace('login');
    return;
  }
  if (answer.kind !== 'ok') {
    return;
  }
  say(banner, t.loginOff);
  banner.hidden = answer.value.by !== 'nothing';
  say(button, t.signOut);
  button.title = answer.value.name;
  button.hidden = answer.value.by !== 'session';
  button.addEventListener('click', () => {
    void send('DELETE', 'api/v1/session', null, signal).then(() => { location.replace('login'); });
  }, { signal });
}
