import { expect, test } from 'vitest';

import { type ModelLists, placement } from './contract.ts';

const mesh = (primitives: number): { primitives: unknown[] } => ({ primitives: Array.from({ length: primitives }) });

test.each<[string, ModelLists, ReturnType<typeof placement>]>([
  ['a node of that name', { nodes: [{ name: 'Wall', mesh: 0 }, { name: 'Screen', mesh: 1 }], meshes: [mesh(1), mesh(1)] },
    { kind: 'named', parts: [{ mesh: 1, primitive: 0 }] }],
  ['two of them', { nodes: [{ name: 'Screen', mesh: 0 }, { name: 'Screen.001', mesh: 1 }], meshes: [mesh(1), mesh(1)] },
    { kind: 'named', parts: [{ mesh: 0, primitive: 0 }, { mesh: 1, primitive: 0 }] }],
  ['a name goes before the sixth material', { nodes: [{ name: 'Cube', mesh: 0 }, { name: 'Screen', mesh: 1 }], meshes: [mesh(6), mesh(1)] },
    { kind: 'named', parts: [{ mesh: 1, primitive: 0 }] }],
  ['a cube of that name with six materials', { nodes: [{ name: 'Screen', mesh: 0 }], meshes: [mesh(6)] },
    { kind: 'named', parts: [{ mesh: 0, primitive: 5 }] }],
  ['the sixth material', { nodes: [{ name: 'Cube', mesh: 0 }], meshes: [mesh(2), mesh(7)] },
    { kind: 'sixth', parts: [{ mesh: 1, primitive: 5 }] }],
  ['a name without a mesh', { nodes: [{ name: 'Screen' }, { name: 'Cube', mesh: 0 }, { mesh: 0 }], meshes: [mesh(5)] },
    { kind: 'none', names: ['Screen', 'Cube', '#2'] }],
  ['a name that only begins so', { nodes: [{ name: 'Screenplay', mesh: 0 }], meshes: [mesh(1)] },
    { kind: 'none', names: ['Screenplay'] }],
  ['a mesh that is not there', { nodes: [{ name: 'Screen', mesh: 9 }], meshes: [] }, { kind: 'none', names: ['Screen'] }],
  ['nothing', {}, { kind: 'none', names: [] }],
])('%s', (_, model, want) => {
  expect(placement(model)).toEqual(want);
});
