/** What all tests share: one server with the instance `gate`, one browser. */
export const shared = { server: null, browser: null, gate: null, moody: null };
