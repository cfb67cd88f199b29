// Something that changes something, and what becomes of it.

import type { Failure, Outcome } from '../../api/types.ts';
import { toLogin } from '../../app/session.ts';
import { confirm } from '../../kit/dialog.tsx';
import { toast } from '../../kit/toasts.tsx';
import { answerWords } from './answers.ts';

export const never = new AbortController().signal;

/** What went wrong; none if it went well. Whoever is logged out is led to the login. */
export function failureOf(answer: Outcome<unknown>): Failure | null {
  if (answer.kind !== 'failed') {
    return null;
  }
  if (answer.failure.reason === 'refused' && answer.failure.status === 401) {
    toLogin();
  }
  return answer.failure;
}

type Removal = {
  readonly title: string;
  readonly text: string;
  readonly go: string;
  readonly done: string;
  readonly remove: () => Promise<Outcome<null>>;
};

/** Asks, does it, and says what became of it. True if it was done. */
export async function removeAfterAsking({ title, text, go, done, remove }: Removal): Promise<boolean> {
  if (!(await confirm({ title, text, go, isDangerous: true }))) {
    return false;
  }
  const failure = failureOf(await remove());
  if (failure !== null) {
    toast(answerWords(failure), 'bad');
    return false;
  }
  toast(done);
  return true;
}
