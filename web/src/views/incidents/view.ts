import { mayDo } from '../../app/session.ts';
import type { View } from '../../app/views.ts';

export const view: View = {
  path: 'incidents',
  order: 20,
  title: { en: 'Incidents', ko: '장애 기록' },
  icon: ['M12 4.5 21 19.5H3z', 'M12 10.5v4M12 17h.01'],
  may: (who) => mayDo(who, 'see'),
  load: () => import('./page.tsx'),
};
