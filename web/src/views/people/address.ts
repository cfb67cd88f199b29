// Addresses, as people read them.

/** `192.168.1.20:50412` and `[::1]:7` without the port, which says nothing to people. */
export function withoutPort(address: string): string {
  const parts = /^(?:\[(.+)\]|([^:]+)):\d+$/.exec(address);
  return parts?.[1] ?? parts?.[2] ?? address;
}

/** What the audit log says of a request, without the request: that is in what was done. */
export function withoutRequest(detail: string): string {
  return detail.replace(/^(?:GET|POST|PUT|PATCH|DELETE) \/\S*?(?:: |$)/, '');
}
