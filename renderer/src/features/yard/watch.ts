import { useEffect, useState } from 'react';
import type { SessionRow } from '../../../../core/contract/index.ts';
import { useServer } from '../../store/server.ts';
import type { ServerState } from '../../store/server.ts';
import { useView } from '../../store/view.ts';
import { yardOf } from './model.ts';
import type { Yard } from './model.ts';
import { Traffic } from './traffic.ts';
import type { Rates } from './traffic.ts';

/** A session that was on another track in the frame before. */
export interface Arrival {
  session: SessionRow;
  from: { endpoint: string; backend: string };
}

/** One picture of the yard. */
export interface Frame {
  /** What it was made from: the live state, or the one from when the view was paused. */
  server: ServerState;
  yard: Yard;
  rates: Rates;
  arrivals: readonly Arrival[];
}

/** The yard is drawn at most this often: the tracks are one large drawing. */
const FRAME_MS = 250;

/** Makes the pictures, and remembers what the next one is compared with. */
class FrameMaker {
  readonly #traffic = new Traffic();
  #rates: Rates = new Map();
  #places: ReadonlyMap<number, SessionRow> | null = null;

  next(): Frame {
    const { frozen } = useView.getState();
    const server = frozen ?? useServer.getState();
    // What a lost host last did is not what passes now; nor is it nothing.
    if (!frozen && server.feed === 'live') this.#rates = this.#traffic.measure(server.sessions, performance.now());
    const arrivals = this.#arrivals(server.sessions);
    this.#places = server.sessions;
    return { server, yard: yardOf(server), rates: this.#rates, arrivals };
  }

  #arrivals(sessions: ReadonlyMap<number, SessionRow>): Arrival[] {
    const before = this.#places;
    if (!before || before === sessions) return [];
    return [...sessions.values()].flatMap((session) => {
      const was = before.get(session.id);
      if (!was || was === session || (was.backend === session.backend && was.endpoint === session.endpoint)) return [];
      return [{ session, from: { endpoint: was.endpoint, backend: was.backend } }];
    });
  }
}

/** The yard as it is to be shown, four times a second at most, and only when something changed. */
export function useFrames(): Frame {
  const [maker] = useState(() => new FrameMaker());
  const [frame, setFrame] = useState(() => maker.next());
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let last = performance.now();
    const draw = (): void => {
      timer = undefined;
      last = performance.now();
      setFrame(maker.next());
    };
    const onChange = (): void => {
      timer ??= setTimeout(draw, Math.max(0, FRAME_MS - (performance.now() - last)));
    };
    const stops = [useServer.subscribe(onChange), useView.subscribe((state, before) => state.frozen !== before.frozen && onChange())];
    return () => {
      clearTimeout(timer);
      for (const stop of stops) stop();
    };
  }, [maker]);
  return frame;
}
