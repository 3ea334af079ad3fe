/** Seeds of cases that failed once, by the name of what was wrong. They run first, always. */
export const regressions = {
  opening: {},
  session: {},
  backend: {},
  login: {},
} satisfies Record<string, Record<string, number>>;
