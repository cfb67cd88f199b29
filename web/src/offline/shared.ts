// What the page and its service worker have in common.

/** What a proxy answers whose server does not. */
export const AWAY: readonly number[] = [502, 504];

export type FromPage =
  /** Are these files yours? Answered with yes or no. */
  | { readonly kind: 'knows?'; readonly files: readonly string[] }
  | { readonly kind: 'take over' };
