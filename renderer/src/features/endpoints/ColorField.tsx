import type { ReactNode } from 'react';
import { BACKEND_COLORS } from '../../../../core/contract/index.ts';
import { ChoiceField } from '../../ui/Field.tsx';
import { ColorMark, letterOf } from './BackendMark.tsx';

const choices = Array.from({ length: BACKEND_COLORS }, (_, color) => ({
  value: String(color),
  label: <ColorMark color={color} />,
  name: `Colour ${letterOf(color)}`,
}));

/** The colour by which a backend is known again. */
export function ColorField({ color, onChange }: { color: number | null; onChange: (color: number) => void }): ReactNode {
  return (
    <ChoiceField
      label="Colour"
      value={color === null ? '' : String(color)}
      choices={choices}
      onChange={(value) => onChange(Number(value))}
      hint="By which its server is known again in every view; the same for every endpoint that points at it."
    />
  );
}
