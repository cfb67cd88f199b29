// What was done about an incident, in the page's language.

/** The server's words, or what stands for them in `known`; what is not known stays as it is. */
export function stepWords(what: string, known: readonly (readonly [RegExp, string])[]): string {
  const found = known.find(([pattern]) => pattern.test(what));
  return found === undefined ? what : what.replace(found[0], found[1]);
}
