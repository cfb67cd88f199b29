// Finds the elements of index.html. One that is missing is a mistake of ours and stops the page at once.

export function element<T extends Element>(id: string, kind: new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) {
    throw new Error(`index.html has no ${kind.name} #${id}`);
  }
  return found;
}

/** Writes text only when it changes: no needless layout, and a selection stays. */
export function say(place: Element, text: string): void {
  if (place.textContent !== text) {
    place.textContent = text;
  }
}
