/** What a client does about a close code: come back, or stop for good. */
export function comesBackAfter(code: number): boolean {
  return code < 4500 || code > 4999;
}
