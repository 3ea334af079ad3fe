import { useRef, useState } from 'react';
import type { ReactNode } from 'react';
import { setNote, useMarks } from '../../store/marks.ts';
import { useView } from '../../store/view.ts';
import { Button } from '../../ui/Button.tsx';
import { Dialog, DialogBody, DialogFoot } from '../../ui/Dialog.tsx';
import styles from './Pop.module.css';

function close(): void {
  useView.setState({ noteOn: null });
}

/** A few words on a session, for the operator alone. */
export default function NoteDialog({ id }: { id: number }): ReactNode {
  const [text, setText] = useState(() => useMarks.getState().notes.get(id) ?? '');
  const field = useRef<HTMLInputElement>(null);
  return (
    <Dialog
      title={`Note on session ${id}`}
      description="Kept in this window only, until it closes."
      onClose={close}
      initialFocus={() => field.current}
    >
      <form
        style={{ display: 'contents' }}
        onSubmit={(event) => {
          event.preventDefault();
          setNote(id, text);
          close();
        }}
      >
        <DialogBody>
          <label className={styles.label}>
            Note
            <input
              ref={field}
              className={styles.text}
              type="text"
              maxLength={200}
              value={text}
              onChange={(event) => setText(event.target.value)}
            />
          </label>
        </DialogBody>
        <DialogFoot>
          <Button onClick={close}>Cancel</Button>
          <Button look="primary" type="submit">
            Keep note
          </Button>
        </DialogFoot>
      </form>
    </Dialog>
  );
}
