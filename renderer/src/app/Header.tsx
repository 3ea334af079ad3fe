import { Monitor, Moon, Sun } from 'lucide-react';
import type { ReactNode } from 'react';
import { commandOf } from '../../../core/contract/index.ts';
import { keyWords } from '../commands/key-words.ts';
import { useCommand } from '../commands/use-command.ts';
import { prefer, usePreferences } from '../store/preferences.ts';
import { useServer } from '../store/server.ts';
import type { Feed } from '../store/server.ts';
import { CaptureStrip } from '../features/session/CaptureStrip.tsx';
import { Button } from '../ui/Button.tsx';
import { CopyButton } from '../ui/CopyLine.tsx';
import { Keys } from '../ui/Keys.tsx';
import { Lamp } from '../ui/Lamp.tsx';
import type { LampShape, Tone } from '../ui/Lamp.tsx';
import { Segmented } from '../ui/Segmented.tsx';
import styles from './App.module.css';
import mark from './mark.svg';
import { hashOf } from './routes.ts';

const feeds: Record<Feed, { words: string; tone: Tone; shape: LampShape }> = {
  connecting: { words: 'Connecting', tone: 'info', shape: 'half' },
  live: { words: 'Live', tone: 'good', shape: 'full' },
  lost: { words: 'Connection lost', tone: 'bad', shape: 'cross' },
  denied: { words: 'No access', tone: 'bad', shape: 'cross' },
};

const demoWords = { starting: 'starting', running: 'running', stopping: 'stopping', failed: 'failed' } as const;

/** The nameplate: where clients connect, whether the feed runs, what the demo does, and the theme. */
export function Header(): ReactNode {
  const feed = feeds[useServer((state) => state.feed)];
  const host = useServer((state) => state.host);
  const theme = usePreferences((state) => state.theme);
  const address = host ? `${host.proxy.host}:${host.proxy.port}` : null;
  const give = useCommand();
  return (
    <header className={styles.header}>
      <span className={styles.brand}>
        <img src={mark} alt="" />
        Switchyard
      </span>
      <div className={styles.facts}>
        {address !== null && (
          <span className={styles.fact}>
            Proxy <b data-testid="proxy-address">{address}</b>
            <CopyButton text={address} what="proxy address" />
          </span>
        )}
        {host?.wantedPort != null && <span className={styles.fact}>port {host.wantedPort} was taken</span>}
        <span className={styles.fact} data-testid="feed">
          <Lamp tone={feed.tone} shape={feed.shape} />
          {feed.words}
        </span>
        {host && host.demo.state !== 'off' && (
          <span className={styles.fact}>
            <a href={hashOf('endpoints')}>
              Demo {demoWords[host.demo.state]}
              {host.demo.state === 'running' && host.demo.workload && ', workload on'}
            </a>
          </span>
        )}
      </div>
      <CaptureStrip />
      <Button small look="quiet" onClick={() => give('palette.open')}>
        Commands <Keys words={keyWords(commandOf('palette.open').keys?.[0] ?? '')} />
      </Button>
      <Segmented
        label="Theme"
        value={theme}
        onChange={(chosen) => prefer({ theme: chosen })}
        choices={[
          { value: 'system', name: 'Theme of the system', label: <Monitor size={15} aria-hidden="true" /> },
          { value: 'light', name: 'Light theme', label: <Sun size={15} aria-hidden="true" /> },
          { value: 'dark', name: 'Dark theme', label: <Moon size={15} aria-hidden="true" /> },
        ]}
      />
    </header>
  );
}
