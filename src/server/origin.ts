/**
 * Which web pages may connect. A browser sends the origin of its page and lets no script change it.
 * Invariant: without `Origin` it is no browser, and only the token counts; with one, the page is of the
 * engine's own host or of an origin that the operator has named.
 * Bound: as many origins as the configuration names.
 */

/** `origins` as in the configuration: `*` allows every page, none those of `host` alone. */
export function isOriginAllowed(
  request: { readonly origin: string; readonly host: string },
  origins: readonly string[],
): boolean {
  const { origin, host } = request;
  if (origin === '' || origins.includes('*') || origins.includes(origin)) return true;
  return origins.length === 0 && URL.canParse(origin) && new URL(origin).host === host;
}
