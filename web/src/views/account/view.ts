import { mayDo } from '../../app/session.ts';
import type { View } from '../../app/views.ts';

export const view: View = {
  path: 'account',
  order: 70,
  title: { en: 'Account', ko: '내 계정' },
  icon: ['M12 4.5a3.7 3.7 0 1 0 0 7.4 3.7 3.7 0 0 0 0-7.4z', 'M5 19.5c0-3.2 3-5.4 7-5.4s7 2.2 7 5.4'],
  may: (who) => mayDo(who, 'own'),
  load: () => import('./page.tsx'),
};
