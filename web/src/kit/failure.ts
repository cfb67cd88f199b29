// A failed call in plain words. The server's own sentence is the best there is.

import type { Failure } from '../api/types.ts';
import { t } from '../i18n/current.ts';

export function failureWords(failure: Failure): string {
  switch (failure.reason) {
    case 'unreachable':
      return t.unreachableDetail;
    case 'full':
      return t.fullDetail;
    case 'refused':
      if (failure.status === 401) {
        return t.signedOut;
      }
      if (failure.detail !== '') {
        return failure.detail;
      }
      return failure.status === 403 ? t.notAllowed : t.tryAgain;
    case 'unreadable':
      return t.unreadable;
    default:
      return failure satisfies never;
  }
}
