import { mayDo } from '../../app/session.ts';
import type { View } from '../../app/views.ts';

export const view: View = {
  path: 'viewers',
  order: 30,
  title: { en: 'Viewers', ko: '시청자' },
  icon: ['M3 12s3.3-6 9-6 9 6 9 6-3.3 6-9 6-9-6-9-6z', 'M12 9.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5z'],
  may: (who) => mayDo(who, 'viewers'),
  load: () => import('./page.tsx'),
};
