import type { View } from '../../app/views.ts';

export const view: View = {
  path: 'live',
  order: 10,
  title: { en: 'Live', ko: '실시간' },
  icon: ['M4 7.5h10.5v9H4z', 'm14.5 10.5 5.5-3v9l-5.5-3'],
  may: () => true,
  load: () => import('./page.tsx'),
};
