// What the server answers when something cannot be, for people.

import type { Failure } from '../../api/types.ts';
import { failureWords } from '../../kit/failure.ts';
import { t } from './messages.ts';

/** A sentence of the server without the name of its key, in other words where `known` has some. */
export function answerWords(failure: Failure, known = t.answers): string {
  const said = failureWords(failure).replace(/^`\w+`: /, '');
  const words = known.find(([pattern]) => pattern.test(said));
  const sentence = words === undefined ? said : said.replace(words[0], words[1]).replace(/(?<=\.)\.$/, '');
  return sentence.charAt(0).toUpperCase() + sentence.slice(1);
}
