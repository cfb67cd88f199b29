import type { VNode } from 'preact';

/** An icon of 24 by 24, drawn as lines. The words are beside it, or in the label of what it stands in. */
export function Icon({ paths, class: name = '' }: { paths: readonly string[]; class?: string }): VNode {
  return (
    <svg class={`icon ${name}`} viewBox="0 0 24 24" aria-hidden="true">
      {paths.map((d) => <path key={d} d={d} />)}
    </svg>
  );
}

export const ICONS = {
  back: ['m14.5 5.5-6.5 6.5 6.5 6.5'],
  close: ['M6 6l12 12M18 6 6 18'],
  more: ['M5.5 12h.01M12 12h.01M18.5 12h.01'],
  out: ['M10 5H6.5A1.5 1.5 0 0 0 5 6.5v11A1.5 1.5 0 0 0 6.5 19H10', 'M10 12h9m-3.5-3.5L19 12l-3.5 3.5'],
  cube: ['m12 3.5 7.5 4.2v8.6L12 20.5l-7.5-4.2V7.7z', 'M4.8 7.9 12 12l7.2-4.1M12 12v8.3'],
  camera: [
    'M4 8.5A1.5 1.5 0 0 1 5.5 7H8l1.5-2h5L16 7h2.5A1.5 1.5 0 0 1 20 8.5v9a1.5 1.5 0 0 1-1.5 1.5h-13A1.5 1.5 0 0 1 4 17.5z',
    'M12 9.7a3.3 3.3 0 1 0 0 6.6 3.3 3.3 0 0 0 0-6.6z',
  ],
  grow: ['M4 9V5.5A1.5 1.5 0 0 1 5.5 4H9m6 0h3.5A1.5 1.5 0 0 1 20 5.5V9m0 6v3.5a1.5 1.5 0 0 1-1.5 1.5H15m-6 0H5.5A1.5 1.5 0 0 1 4 18.5V15'],
  shrink: ['M9 4v3.5A1.5 1.5 0 0 1 7.5 9H4m16 0h-3.5A1.5 1.5 0 0 1 15 7.5V4m0 16v-3.5a1.5 1.5 0 0 1 1.5-1.5H20M4 15h3.5A1.5 1.5 0 0 1 9 16.5V20'],
  sliders: ['M4 7h9m5 0h2M4 12h3m5 0h8M4 17h11m3 0h2', 'M15.5 5v4M9.5 10v4M16.5 15v4'],
  link: ['M10 14a3.5 3.5 0 0 0 5 0l3.5-3.5a3.5 3.5 0 0 0-5-5L12 7', 'M14 10a3.5 3.5 0 0 0-5 0l-3.5 3.5a3.5 3.5 0 0 0 5 5L12 17'],
  wall: ['M4 5h7v6H4zM13 5h7v6h-7zM4 13h7v6H4zM13 13h7v6h-7z'],
  grip: ['M9 6h.01M15 6h.01M9 12h.01M15 12h.01M9 18h.01M15 18h.01'],
} as const;
