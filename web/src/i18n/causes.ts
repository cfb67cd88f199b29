// What the server says of a camera in trouble, in the page's language. The server's own sentences are English; each
// comes with a word for its cause.

import type { Camera } from '../api/types.ts';

export const EN: ReadonlyMap<string, string> = new Map();

export const KO: ReadonlyMap<string, string> = new Map([
  ['program_missing', '카메라 프로그램이 설치되어 있지 않습니다.'],
  ['program_unusable', '카메라 프로그램을 실행할 수 없습니다.'],
  ['no_camera', '카메라를 찾을 수 없습니다.'],
  ['no_such_camera', '지정한 카메라를 찾을 수 없습니다.'],
  ['not_supported', '이 기기에는 카메라 연결 단자가 없습니다.'],
  ['busy', '다른 프로그램이 카메라를 사용하고 있습니다.'],
  ['no_memory', '카메라에 쓸 메모리가 부족합니다.'],
  ['no_permission', '서버에 카메라를 사용할 권한이 없습니다.'],
  ['no_encoder', '영상 인코더가 없습니다.'],
  ['bad_option', '카메라 프로그램이 설정을 받아들이지 않았습니다.'],
  ['legacy_stack', '옛 카메라 시스템이 켜져 있습니다.'],
  ['timed_out', '카메라에서 영상이 오지 않습니다.'],
  ['driver', '카메라가 응답하지 않습니다.'],
  ['unreadable', '영상 파일을 읽을 수 없습니다.'],
  ['unreachable', '카메라에 연결할 수 없습니다.'],
  ['login_refused', '카메라가 로그인을 거부했습니다.'],
  ['no_video', '카메라가 영상이 아닌 것을 보냅니다.'],
  ['ended', '카메라 프로그램이 종료되었습니다.'],
  ['unkillable', '카메라 프로그램이 멈췄습니다.'],
]);

/** The camera with its sentence translated; a cause that is not known here keeps the server's sentence. */
export function translated(camera: Camera, causes: ReadonlyMap<string, string>): Camera {
  const sentence = camera.cause === null ? undefined : causes.get(camera.cause);
  return sentence === undefined ? camera : { ...camera, message: sentence };
}
