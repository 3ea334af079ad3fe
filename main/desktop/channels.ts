/** The two names that cross between the preload and the main process. */
export const callChannel = 'switchyard:call';
/** Carries a `HostFrame` of kind `delta` or `shell`. */
export const pushChannel = 'switchyard:push';
