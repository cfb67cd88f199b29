// A form with a name and a password: what is said, what is sent, and what went wrong.

import { send } from '../api/client.ts';
import type { Failure } from '../api/types.ts';
import type { Messages } from '../i18n/messages.ts';
import { element, say } from '../ui/dom.ts';

export type Entry = {
  readonly title: string;
  readonly detail: string;
  readonly go: string;
  /** Where it is sent. */
  readonly url: string;
  /** The page to go to and the place in it, with its `#`; empty for the first one. */
  readonly back: string;
  /** What is sent beside name and password. */
  readonly more: Readonly<Record<string, string>>;
};

/** Shows the form; goes to the page once the server has taken it. */
export function offer(entry: Entry, t: Messages): void {
  const form = element('form', HTMLFormElement);
  const name = element('name', HTMLInputElement);
  const password = element('password', HTMLInputElement);
  const go = element('go', HTMLButtonElement);
  const trouble = element('trouble', HTMLElement);
  document.title = entry.title;
  say(element('title', HTMLElement), entry.title);
  say(element('detail', HTMLElement), entry.detail);
  say(element('name-word', HTMLElement), t.userName);
  say(element('password-word', HTMLElement), t.password);
  say(go, entry.go);
  name.focus();

  const enter = async (): Promise<void> => {
    go.disabled = true;
    trouble.hidden = true;
    const body = { ...entry.more, name: name.value, password: password.value };
    const answer = await send('POST', entry.url, body, new AbortController().signal);
    switch (answer.kind) {
      case 'ok':
        // Always to our own page: no address is taken from outside, only the place in it.
        location.replace(`./${entry.back}`);
        return;
      case 'failed':
        say(trouble, sentence(answer.failure, t));
        trouble.hidden = false;
        break;
      case 'aborted':
        break;
      default:
        answer satisfies never;
    }
    go.disabled = false;
    password.select();
  };
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void enter();
  });
}

function sentence(failure: Failure, t: Messages): string {
  if (failure.reason === 'unreachable') {
    return t.unreachableDetail;
  }
  if (failure.reason === 'refused' && failure.status === 401) {
    return t.wrongPassword;
  }
  return failure.detail === '' ? t.tryAgain : failure.detail;
}
