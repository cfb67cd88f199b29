import { mayDo } from '../../app/session.ts';
import type { View } from '../../app/views.ts';

export const view: View = {
  path: 'log',
  order: 45,
  title: { en: 'Log', ko: '로그' },
  icon: ['M5 5h14', 'M5 10h14', 'M5 15h9', 'M5 20h11'],
  may: (who) => mayDo(who, 'audit'),
  load: () => import('./page.tsx'),
};
