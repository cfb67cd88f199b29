// Saves the newest picture. A plain link works without this; with it, a failure is told in words instead of a file.

import type { VNode } from 'preact';
import { useRef } from 'preact/hooks';

import { getSnapshot } from '../../api/client.ts';
import type { Camera } from '../../api/types.ts';
import { t } from '../../i18n/current.ts';
import { ICONS, Icon } from '../../kit/icon.tsx';
import { complain } from '../../kit/toasts.tsx';
import { fileName } from './file_name.ts';

export function SnapshotButton({ camera }: { camera: Camera | null }): VNode {
  const isBusy = useRef(false);
  const address = camera?.snapshot ?? 'snapshot';
  const save = async (): Promise<void> => {
    if (isBusy.current) {
      return;
    }
    isBusy.current = true;
    const picture = await getSnapshot(address, new AbortController().signal);
    isBusy.current = false;
    if (picture.kind === 'ok') {
      download(picture.value, fileName(camera?.name ?? '', new Date()));
    } else if (picture.kind === 'failed') {
      complain(picture.failure, t.snapshotFailed);
    }
  };
  return (
    <a
      class="tool"
      href={address}
      download
      title={t.snapshot}
      onClick={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      <Icon paths={ICONS.camera} />
      <span class="word">{t.snapshot}</span>
    </a>
  );
}

function download(picture: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(picture);
  link.download = name;
  link.click();
  // Some browsers read the address only after the click has returned.
  setTimeout(() => { URL.revokeObjectURL(link.href); }, 60_000);
}
