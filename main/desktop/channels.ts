/** The two names that cross between the preload and the main process. */
export const callChannel = 'switchyard:call';
/** Carries a `HostFrame` of kind `delta`. */
export const pushChannel = 'switchyard:delta';
