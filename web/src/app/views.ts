// The views of the page: every folder below `views/` that has a `view.ts`. README.md says how one is added.

import type { ComponentType } from 'preact';

import type { Session } from '../api/types.ts';
import type { Language } from '../i18n/language.ts';

export type ViewProps = {
  /** What is behind the view's own part of the address: `['yard']` at `#/live/yard`. */
  readonly rest: readonly string[];
  readonly query: URLSearchParams;
};

export type View = {
  /** First part of the address. */
  readonly path: string;
  /** Place in the navigation: live 10, incidents 20, viewers 30, system 40, settings 50, people 60, account 70. */
  readonly order: number;
  readonly title: Readonly<Record<Language, string>>;
  /** Paths of an icon of 24 by 24, drawn as lines. */
  readonly icon: readonly string[];
  /** Who sees it in the navigation, and may open it. */
  readonly may: (who: Session | null) => boolean;
  /** The view itself comes over the line only when somebody opens it. */
  readonly load: () => Promise<{ readonly default: ComponentType<ViewProps> }>;
};

const found = import.meta.glob<{ readonly view: View }>('../views/*/view.ts', { eager: true });

export const views: readonly View[] = Object.values(found)
  .map(({ view }) => view)
  .sort((a, b) => a.order - b.order);
