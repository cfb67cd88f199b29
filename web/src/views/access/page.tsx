// Who may do what, for administrators: one list at a time.

import type { VNode } from 'preact';

import './page.css';

import { href } from '../../app/router.ts';
import type { ViewProps } from '../../app/views.ts';
import { Empty, Sheet } from '../../kit/pieces.tsx';
import { Links, Sessions, Tokens } from '../people/lists.tsx';
import { t as people } from '../people/messages.ts';
import { Audit } from './audit.tsx';
import { t } from './messages.ts';
import { Users } from './users.tsx';

const PARTS: readonly { readonly path: string; readonly title: string; readonly draw: () => VNode }[] = [
  { path: 'users', title: t.users, draw: () => <Users /> },
  { path: 'tokens', title: people.tokens, draw: () => <Tokens isWhole /> },
  { path: 'links', title: people.links, draw: () => <Links isWhole /> },
  { path: 'sessions', title: people.sessions, draw: () => <Sessions isWhole /> },
  { path: 'audit', title: t.audit, draw: () => <Audit /> },
];

export default function Access({ rest: [wanted = 'users'] }: ViewProps): VNode {
  const part = PARTS.find(({ path }) => path === wanted);
  return (
    <Sheet title={t.title}>
      <nav class="tabs" aria-label={t.title}>
        {PARTS.map(({ path, title }) => (
          <a key={path} class="tab" href={href('access', path)} aria-current={path === wanted ? 'page' : undefined}>{title}</a>
        ))}
      </nav>
      {part === undefined ? <Empty title={t.noSuchPart} /> : <div key={part.path}>{part.draw()}</div>}
    </Sheet>
  );
}
