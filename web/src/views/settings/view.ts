import { mayDo } from '../../app/session.ts';
import type { View } from '../../app/views.ts';

export const view: View = {
  path: 'settings',
  order: 50,
  title: { en: 'Settings', ko: '설정' },
  icon: ['M4 7h9m5 0h2M4 17h3m5 0h8', 'M15.5 9.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM9.5 19.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5z'],
  may: (who) => mayDo(who, 'configure'),
  load: () => import('./page.tsx'),
};
