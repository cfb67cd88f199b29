import { spoken } from '../../i18n/current.ts';

export const en = {
  title: 'Log',
  follow: 'Follow',
  copy: 'Copy',
  copied: 'The lines are on the clipboard.',
  copyFailed: 'The browser does not let this page copy. Select the lines instead.',
  level: 'Level',
  camera: 'Camera',
  anyCamera: 'Any',
  atLeast: {
    error: 'Errors', warn: 'Warnings and errors', info: 'Information and above', debug: 'Details and above', trace: 'Everything',
  } as Readonly<Record<string, string>>,
  levels: { error: 'Error', warn: 'Warning', info: 'Info', debug: 'Detail', trace: 'Trace' } as Readonly<Record<string, string>>,
  none: 'No lines',
  noneText: 'Nothing was said of this since the server started, or it is no longer in memory.',
  about: 'The newest first. They are in memory; secrets are masked.',
};

export const ko: typeof en = {
  title: '로그',
  follow: '계속 새로 읽기',
  copy: '복사',
  copied: '로그를 클립보드에 복사했습니다.',
  copyFailed: '브라우저가 복사를 허용하지 않습니다. 직접 선택해 복사하세요.',
  level: '수준',
  camera: '카메라',
  anyCamera: '전체',
  atLeast: { error: '오류만', warn: '경고 이상', info: '정보 이상', debug: '상세 이상', trace: '모두' },
  levels: { error: '오류', warn: '경고', info: '정보', debug: '상세', trace: '추적' },
  none: '로그가 없습니다',
  noneText: '서버가 시작된 뒤 해당하는 기록이 없거나 이미 메모리에서 지워졌습니다.',
  about: '최신 순서이며 메모리에 있는 기록입니다. 비밀 값은 가려집니다.',
};

export const t = spoken({ en, ko });
