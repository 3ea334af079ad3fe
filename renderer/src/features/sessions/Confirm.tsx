/** The dialog that this view asks with, loaded when it does: dialogs are a quarter of what the table itself needs. */
export { Confirm as default } from '../../ui/Dialog.tsx';
