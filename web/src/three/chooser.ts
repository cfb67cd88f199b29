// The name of the camera; with several cameras, a list to choose from.

import type { Camera } from '../api/types.ts';
import { element, say } from '../ui/dom.ts';

export class Chooser {
  private readonly name = element('name', HTMLHeadingElement);
  private readonly box = element('chooser', HTMLSpanElement);
  private readonly list = element('cameras', HTMLSelectElement);
  private shown = '';

  constructor(label: string, chosen: (id: string) => void) {
    this.list.setAttribute('aria-label', label);
    this.list.addEventListener('change', () => { chosen(this.list.value); });
  }

  render(cameras: readonly Camera[], current: Camera | null): void {
    say(this.name, current?.name ?? '');
    const several = cameras.length > 1;
    this.box.hidden = !several;
    // The heading stays for those who listen to the page.
    this.name.classList.toggle('unseen', several);
    const wanted = JSON.stringify(cameras.map((camera) => [camera.id, camera.name]));
    if (several && wanted !== this.shown) {
      this.shown = wanted;
      this.list.replaceChildren(...cameras.map((camera) => new Option(camera.name, camera.id)));
    }
    if (several && current !== null) {
      this.list.value = current.id;
    }
  }
}
