export * from './model.ts';
export * from './endpoint-edits.ts';
export * from './settings.ts';
export * from './timeline.ts';
export * from './history.ts';
export * from './calls.ts';
export * from './events.ts';
export * from './shell.ts';
