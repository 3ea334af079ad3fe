/** Seeds of cases that failed once, by the name of what was wrong. They run first, always. */
export const regressions = {
  opening: {},
  session: { 'a Flush with a body, sent ahead of the answer to a COPY, is ignored with its data': 2910979247 },
  backend: {},
  login: {},
} satisfies Record<string, Record<string, number>>;
