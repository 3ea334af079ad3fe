/** How long a view may take until it shows what is waited for, in milliseconds. */
const WITHIN_MS = 3_000;

/**
 * Focuses an element as soon as it is in the document. A view that is just being shown takes the focus for itself once; this comes after
 * that. Nothing happens when it does not appear in time, or when the focus has gone elsewhere by then.
 */
export function focusWhenThere(find: () => HTMLElement | null): void {
  const until = performance.now() + WITHIN_MS;
  const look = (): void => {
    const element = find();
    const main = document.getElementById('main');
    // The view has announced itself when its frame has the focus.
    if (element && document.activeElement === main) return element.focus();
    if (performance.now() < until) requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}
