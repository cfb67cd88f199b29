// The name of a saved picture.

/** `Front door` at 13:05:09 on 22 November 2026 becomes `front-door-20261122-130509.jpg`. */
export function fileName(camera: string, at: Date): string {
  const words = camera.toLowerCase().match(/[\p{Letter}\p{Number}]+/gu) ?? [];
  const two = (n: number): string => String(n).padStart(2, '0');
  const day = `${at.getFullYear()}${two(at.getMonth() + 1)}${two(at.getDate())}`;
  const time = `${two(at.getHours())}${two(at.getMinutes())}${two(at.getSeconds())}`;
  return [...(words.length > 0 ? words : ['camera']), day, time].join('-').slice(-120) + '.jpg';
}
