// Abort signals that hang on others. `AbortSignal.any` would do, but phones still in use do not have it.

/** A controller of one's own that also aborts when `parent` does. */
export function childOf(parent: AbortSignal): AbortController {
  const child = new AbortController();
  if (parent.aborted) {
    child.abort();
  } else {
    parent.addEventListener('abort', () => { child.abort(); }, { signal: child.signal });
  }
  return child;
}
