import { spoken } from '../../i18n/current.ts';

export const en = {
  title: 'Account',
  signedInAs: 'Signed in as',
  password: 'Password',
  current: 'Current password',
  next: 'New password',
  nextHint: 'At least 8 characters. All your other sessions end.',
  again: 'New password once more',
  differ: 'The two are not the same.',
  change: 'Change password',
  changed: 'Your password is changed; all other sessions are over.',
  wrong: 'The current password is wrong.',
};

export const ko: typeof en = {
  title: '내 계정',
  signedInAs: '로그인한 계정',
  password: '비밀번호',
  current: '현재 비밀번호',
  next: '새 비밀번호',
  nextHint: '8자 이상. 다른 세션은 모두 끝납니다.',
  again: '새 비밀번호 확인',
  differ: '두 비밀번호가 다릅니다.',
  change: '비밀번호 변경',
  changed: '비밀번호를 변경했습니다. 다른 세션은 모두 종료되었습니다.',
  wrong: '현재 비밀번호가 틀립니다.',
};

export const t = spoken({ en, ko });
