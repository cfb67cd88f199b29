// The page's policy lets no text become markup. Swagger UI makes markup of the descriptions in the document, and cleans it
// before: this lets it through once more looked at, on this page alone. Scripts and their addresses stay forbidden.

type TrustedTypes = {
  createPolicy(name: string, rules: { createHTML: (markup: string) => string }): unknown;
};

/** What could run, or load something. */
const ALIVE = /<\s*(?:script|style|iframe|frame|object|embed|base|link|meta|form|svg|math)\b|\son\w+\s*=|(?:javascript|data)\s*:/i;

export function checked(markup: string): string {
  if (ALIVE.test(markup)) {
    throw new TypeError('markup that could do something');
  }
  return markup;
}

export function allowMarkup(): void {
  const { trustedTypes } = window as { trustedTypes?: TrustedTypes };
  trustedTypes?.createPolicy('default', { createHTML: checked });
}
