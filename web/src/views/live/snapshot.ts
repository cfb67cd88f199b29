// Saves the newest picture. A plain link works without this; with it, a failure is told in words instead of a file.

import { getSnapshot } from '../../api/client.ts';
import type { Camera } from '../../api/types.ts';
import type { Messages } from '../../i18n/messages.ts';
import { element, say } from '../../ui/dom.ts';

const TOAST_MS = 5_000;

export class Snapshot {
  private readonly link = element('snapshot', HTMLAnchorElement);
  private readonly toast = element('toast', HTMLParagraphElement);
  private name = '';
  private busy = false;

  constructor(private readonly t: Messages, signal: AbortSignal) {
    say(element('snapshot-word', HTMLSpanElement), t.snapshot);
    this.link.title = t.snapshot;
    this.link.addEventListener('click', (event) => {
      event.preventDefault();
      void this.save(signal);
    });
  }

  of(camera: Camera | null): void {
    this.name = camera?.name ?? '';
    const address = camera?.snapshot ?? 'snapshot';
    if (this.link.getAttribute('href') !== address) {
      this.link.setAttribute('href', address);
    }
  }

  private async save(signal: AbortSignal): Promise<void> {
    if (this.busy) {
      return;
    }
    this.busy = true;
    const picture = await getSnapshot(this.link.href, signal);
    this.busy = false;
    switch (picture.kind) {
      case 'ok':
        download(picture.value, fileName(this.name, new Date()));
        return;
      case 'aborted':
        return;
      case 'failed':
        this.complain();
        return;
      default:
        picture satisfies never;
    }
  }

  private complain(): void {
    say(this.toast, this.t.snapshotFailed);
    this.toast.hidden = false;
    setTimeout(() => { this.toast.hidden = true; }, TOAST_MS);
  }
}

function download(picture: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(picture);
  link.download = name;
  link.click();
  // Some browsers read the address only after the click has returned.
  setTimeout(() => { URL.revokeObjectURL(link.href); }, 60_000);
}

/** `Front door` at 13:05:09 on 22 November 2026 becomes `front-door-20261122-130509.jpg`. */
export function fileName(camera: string, at: Date): string {
  const words = camera.toLowerCase().match(/[\p{Letter}\p{Number}]+/gu) ?? [];
  const two = (n: number): string => String(n).padStart(2, '0');
  const day = `${at.getFullYear()}${two(at.getMonth() + 1)}${two(at.getDate())}`;
  const time = `${two(at.getHours())}${two(at.getMinutes())}${two(at.getSeconds())}`;
  return [...(words.length > 0 ? words : ['camera']), day, time].join('-').slice(-120) + '.jpg';
}
