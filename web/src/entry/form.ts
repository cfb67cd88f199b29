// A form with a name and a password: what is said, what is sent, and what went wrong.

import type { Failure, Outcome } from '../api/types.ts';
import type { Messages } from '../i18n/messages.ts';
import { element, say } from '../ui/dom.ts';

export type Entry = {
  readonly title: string;
  readonly detail: string;
  readonly go: string;
  /** Has the server take it. */
  readonly send: (who: { readonly name: string; readonly password: string }, signal: AbortSignal) => Promise<Outcome<null>>;
  /** The page to go to and the place in it, with its `#`; empty for the first one. */
  readonly back: string;
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
    const answer = await entry.send({ name: name.value, password: password.value }, new AbortController().signal);
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
