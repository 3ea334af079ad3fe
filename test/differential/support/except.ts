/** `EXCEPT` of the environment: kinds of steps and questions to leave out (comma between), while something known is being mended. */
export const except: ReadonlySet<string> = new Set((process.env['EXCEPT'] ?? '').split(',').filter(Boolean));
