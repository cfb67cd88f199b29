import { mayDo } from '../../app/session.ts';
import type { View } from '../../app/views.ts';

export const view: View = {
  path: 'access',
  order: 60,
  title: { en: 'Access', ko: '접근 관리' },
  icon: [
    'M9 5a3.2 3.2 0 1 0 0 6.4A3.2 3.2 0 0 0 9 5z',
    'M3.5 19c0-3 2.4-5 5.5-5 1 0 2 .2 2.8.6',
    'M17 12.5a2.2 2.2 0 1 0 0 4.4 2.2 2.2 0 0 0 0-4.4zm0 4.4V21m0-1.6h1.8',
  ],
  may: (who) => mayDo(who, 'users'),
  load: () => import('./page.tsx'),
};
