// A sleep that ends early when it is woken or aborted.

export class Nap {
  private woken = false;
  private end: (() => void) | null = null;

  /**
   * Resolves after `ms`, on `wake()` or on abort, whichever comes first; never rejects. A call of `wake()` between two
   * sleeps is not lost: it ends the next one at once.
   */
  sleep(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted || this.woken) {
        this.woken = false;
        resolve();
        return;
      }
      const end = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', end);
        if (this.end === end) {
          this.end = null;
        }
        resolve();
      };
      const timer = setTimeout(end, ms);
      signal.addEventListener('abort', end);
      this.end = end;
    });
  }

  wake(): void {
    if (this.end === null) {
      this.woken = true;
    } else {
      this.end();
    }
  }
}
