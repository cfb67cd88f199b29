// What processes hold in memory, as the kernel counts it.

import { readdir, readFile } from 'node:fs/promises';

async function status(pid: number | string): Promise<{ parent: number; rss_kib: number } | null> {
  // It may have ended since it was listed.
  const text = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const number = (name: string): number => Number(new RegExp(`^${name}:\\s*(\\d+)`, 'm').exec(text)?.[1] ?? 0);
  return text === '' ? null : { parent: number('PPid'), rss_kib: number('VmRSS') };
}

/** Resident memory of one process. */
export async function residentMib(pid: number): Promise<number> {
  return ((await status(pid))?.rss_kib ?? 0) / 1024;
}

/** The same of a process and all that it started; pages they share count for each. */
export async function treeMib(root: number): Promise<number> {
  const all = new Map<number, { parent: number; rss_kib: number }>();
  for (const name of await readdir('/proc')) {
    const found = /^\d+$/.test(name) ? await status(name) : null;
    if (found !== null) {
      all.set(Number(name), found);
    }
  }
  const belongs = (pid: number): boolean => pid === root || (pid > 1 && belongs(all.get(pid)?.parent ?? 0));
  const kib = [...all].reduce((sum, [pid, { rss_kib }]) => sum + (belongs(pid) ? rss_kib : 0), 0);
  return kib / 1024;
}
