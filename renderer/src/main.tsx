import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app/App.tsx';
import { ErrorBoundary } from './app/ErrorBoundary.tsx';
import { reportTheme } from './app/report-theme.ts';
import { chooseTransport } from './bridge/choose.ts';
import { HostContext, typedCalls } from './bridge/client.ts';
import { startFeed } from './store/feed.ts';
import { startPreferences } from './store/preferences.ts';
import { useServer } from './store/server.ts';
import { pruneSelection } from './store/view.ts';
import './ui/tokens.css';

const root = document.getElementById('root');
if (!root) throw new Error('index.html has no element with the id "root"');

startPreferences();
const transport = chooseTransport(window);
startFeed(transport, useServer);
pruneSelection();
reportTheme(transport);

createRoot(root).render(
  <StrictMode>
    <ErrorBoundary>
      <HostContext value={typedCalls(transport)}>
        <App />
      </HostContext>
    </ErrorBoundary>
  </StrictMode>,
);
