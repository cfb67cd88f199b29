// The server's policy takes addresses of scripts only from here: of our own workers, and of nothing else.

type Factory = {
  createPolicy(name: string, rules: { createScriptURL: (url: string) => string }): { createScriptURL(url: string): unknown };
};

/** For an address that was written by us, never one that came from outside. */
export function trusted(url: string): unknown {
  const factory = (globalThis as { trustedTypes?: Factory }).trustedTypes;
  const rules = { createScriptURL: () => url };
  return factory === undefined ? url : factory.createPolicy('our-workers', rules).createScriptURL(url);
}
