import { mayDo } from '../../app/session.ts';
import type { View } from '../../app/views.ts';

export const view: View = {
  path: 'system',
  order: 40,
  title: { en: 'System', ko: '시스템' },
  icon: ['M4 19.5h16', 'M4 15l4-5 3.5 3L16 6.5l4 5'],
  may: (who) => mayDo(who, 'configure'),
  load: () => import('./page.tsx'),
};
