/** Seeds of cases that failed once, by the name of what was wrong. They run first, always. */
export const regressions = {
  opening: {},
  session: { 'a Flush with a body, sent ahead of the answer to a COPY, is ignored with its data': 2910979247 },
  backend: {
    'what is said behind the answer to DISCARD ALL is lost': 2851411754,
    'what is said behind the answer to a capture reaches the client': 743288632,
    'an answer too many to a capture is taken for that to the next query': 1806933538,
    'half a message of the old server is continued by the new one': 3960255931,
    'a session waits for a new server that died in the moment of the swap': 1647989745,
    'a refused move whose old server died counts as refused': 3256959866,
  },
  login: {},
} satisfies Record<string, Record<string, number>>;
