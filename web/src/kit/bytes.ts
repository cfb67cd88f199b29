// Amounts of bytes for people, in powers of 1000 as disks are sold.

import { language } from '../i18n/current.ts';

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const;

export function bytes(amount: number): string {
  const at = Math.min(UNITS.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, amount)) / 3)));
  const value = amount / 1000 ** at;
  const digits = at === 0 || value >= 99.5 ? 0 : 1;
  return `${value.toLocaleString(language, { maximumFractionDigits: digits })} ${UNITS[at] ?? 'B'}`;
}
