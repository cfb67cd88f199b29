// Ages in words that do not flicker: the older, the coarser.

import type { Messages } from './messages.ts';

export function duration(ms: number, t: Messages): string {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 0.1) {
    return t.ageUnderTenth;
  }
  if (seconds < 9.95) {
    return t.seconds(seconds < 0.95 ? seconds.toFixed(1) : String(Math.round(seconds)));
  }
  if (seconds < 90) {
    return t.seconds(String(Math.round(seconds)));
  }
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? t.minutes(minutes) : t.hours(Math.round(minutes / 60));
}
