// The live pictures: all of them, or one.

import type { VNode } from 'preact';

import '../../ui/frame.css';
import './live.css';

import { useCameras, watch } from '../../app/cameras.ts';
import type { ViewProps } from '../../app/views.ts';
import { Alone } from './alone.tsx';
import { Wall } from './wall.tsx';

export default function Live({ rest }: ViewProps): VNode {
  const cameras = useCameras();
  const [wanted] = rest;
  if (wanted !== undefined) {
    return <Alone key={wanted} id={wanted} cameras={cameras ?? []} />;
  }
  const [only] = cameras ?? [];
  if (cameras === null || only === undefined) {
    // Until there is an answer, and where there is no camera: one picture that says so.
    return <Alone key="" id="" cameras={[]} />;
  }
  return cameras.length === 1 ? <Alone key={only.id} id={only.id} cameras={cameras} /> : <Wall cameras={cameras} viewers={watch.latest} />;
}
