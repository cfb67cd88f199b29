// Full screen, or, on phones whose browser does not offer it, the whole window. The controls step back when nobody
// moves.

import { element, say } from '../../ui/dom.ts';
import type { Messages } from '../../i18n/messages.ts';

const STEP_BACK_MS = 3_000;

export class FullScreen {
  private readonly app = element('app', HTMLElement);
  private readonly button = element('full-screen', HTMLButtonElement);
  private readonly word = element('full-screen-word', HTMLSpanElement);
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly t: Messages, signal: AbortSignal) {
    const options = { signal };
    this.button.addEventListener('click', () => { this.toggle(); });
    document.addEventListener('fullscreenchange', () => { this.set(document.fullscreenElement !== null); }, options);
    document.addEventListener('keydown', (event) => {
      this.stir();
      if (event.key === 'Escape' && document.fullscreenElement === null) {
        this.set(false);
      }
    }, options);
    for (const kind of ['pointermove', 'pointerdown', 'focusin'] as const) {
      document.addEventListener(kind, () => { this.stir(); }, options);
    }
    this.set(false);
  }

  private toggle(): void {
    if (document.fullscreenElement !== null) {
      void document.exitFullscreen();
    } else if (this.app.classList.contains('immersive')) {
      this.set(false);
    } else if (document.fullscreenEnabled) {
      this.app.requestFullscreen().catch(() => { this.set(true); });
    } else {
      this.set(true);
    }
  }

  private set(on: boolean): void {
    this.app.classList.toggle('immersive', on);
    say(this.word, on ? this.t.leaveFullScreen : this.t.fullScreen);
    this.button.title = this.word.textContent;
    this.stir();
  }

  private stir(): void {
    this.app.classList.remove('quiet');
    clearTimeout(this.timer);
    this.timer = setTimeout(() => { this.app.classList.add('quiet'); }, STEP_BACK_MS);
  }
}
