import { Component } from 'react';
import type { ErrorInfo, ReactNode } from 'react';
import { Button } from '../ui/Button.tsx';
import { Empty } from '../ui/Empty.tsx';

interface State {
  error: Error | null;
}

/** Keeps a fault of one view from taking the window with it. Give it a `key` per view, so that leaving the view clears it. */
export class ErrorBoundary extends Component<{ children: ReactNode }, State> {
  override state: State = { error: null };

  static getDerivedStateFromError(error: unknown): State {
    return { error: error instanceof Error ? error : new Error(String(error)) };
  }

  override componentDidCatch(error: unknown, info: ErrorInfo): void {
    console.error('A view failed:', error, info.componentStack);
  }

  override render(): ReactNode {
    const { error } = this.state;
    if (!error) return this.props.children;
    return (
      <Empty
        title="This view stopped working"
        actions={
          <>
            <Button look="primary" onClick={() => this.setState({ error: null })}>
              Try again
            </Button>
            <Button onClick={() => window.location.reload()}>Reload the window</Button>
          </>
        }
        wide={<code>{error.message}</code>}
      >
        The proxy and its sessions are not affected: only what this window draws. If it happens again, the message below belongs in a
        report.
      </Empty>
    );
  }
}
