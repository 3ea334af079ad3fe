/**
 * A stand-in for Electron's main process and preload, for machines without the runtime. Every export is typed against the
 * real one, so an upgrade that changes a signature breaks the type check; and it behaves: what crosses between page and main
 * process is cloned, a second handler for a channel throws, and of a thrown error only its message survives. Events are plain
 * Node events: their names are checked where the shell listens.
 * It can't prove what only Electron does: that the sandbox is on, that the scheme is served, native menus, real displays.
 */
import { EventEmitter } from 'node:events';
import type * as Real from 'electron';

type Handler = Parameters<Real.IpcMain['handle']>[1];

class FakeApp
  extends EventEmitter
  implements
    Pick<
      Real.App,
      | 'enableSandbox'
      | 'requestSingleInstanceLock'
      | 'whenReady'
      | 'quit'
      | 'exit'
      | 'getPath'
      | 'getVersion'
      | 'isPackaged'
      | 'isDefaultProtocolClient'
      | 'setAsDefaultProtocolClient'
      | 'setAppUserModelId'
    >
{
  isPackaged = false;
  sandboxed = false;
  hasLock = true;
  readonly protocols: string[] = [];
  userModelId: string | null = null;
  userData = '';
  /** Set once the application has really ended. */
  exitCode: number | null = null;

  enableSandbox(): void {
    this.sandboxed = true;
  }
  requestSingleInstanceLock(): boolean {
    return this.hasLock;
  }
  whenReady(): Promise<void> {
    return Promise.resolve();
  }
  getPath(name: Parameters<Real.App['getPath']>[0]): string {
    if (name !== 'userData') throw new Error(`the stand-in has no path for ${name}`);
    return this.userData;
  }
  isDefaultProtocolClient(protocol: string): boolean {
    return this.protocols.includes(protocol);
  }
  setAsDefaultProtocolClient(protocol: string): boolean {
    this.protocols.push(protocol);
    return true;
  }
  setAppUserModelId(id: string): void {
    this.userModelId = id;
  }
  getVersion(): string {
    return '0.0.0';
  }
  /** As Electron does it: `before-quit` may object, then every window is closed and may object, then it is over. */
  quit(): void {
    if (this.exitCode !== null || objects(this, 'before-quit')) return;
    for (const window of BrowserWindow.getAllWindows().slice()) window.close();
    if (BrowserWindow.getAllWindows().length > 0) return;
    this.emit('will-quit', {});
    this.exitCode = 0;
  }
  exit(exitCode = 0): void {
    this.exitCode = exitCode;
  }
}

/** Emits an event that can be prevented, and answers whether it was. */
function objects(emitter: EventEmitter, name: string, ...rest: unknown[]): boolean {
  const event = { defaultPrevented: false, preventDefault: () => void (event.defaultPrevented = true) };
  emitter.emit(name, event, ...rest);
  return event.defaultPrevented;
}

class FakeIpcMain implements Pick<Real.IpcMain, 'handle' | 'removeHandler'> {
  readonly handlers = new Map<string, Handler>();

  handle(channel: string, listener: Handler): void {
    if (this.handlers.has(channel)) throw new Error(`Attempted to register a second handler for '${channel}'`);
    this.handlers.set(channel, listener);
  }
  removeHandler(channel: string): void {
    this.handlers.delete(channel);
  }
}

/** Where a message comes from, as far as the main process looks at it. */
export interface FakeSender {
  url: string;
  parent: unknown;
}

class FakeIpcRenderer extends EventEmitter implements Pick<Real.IpcRenderer, 'invoke'> {
  sender: FakeSender | null = { url: 'app://switchyard/index.html', parent: null };

  async invoke(channel: string, ...args: unknown[]): Promise<unknown> {
    const handler = ipcMain.handlers.get(channel);
    if (!handler) throw new Error(`Error invoking remote method '${channel}': No handler registered`);
    const event = { senderFrame: this.sender } as unknown as Real.IpcMainInvokeEvent;
    try {
      return structuredClone(await (handler(event, ...structuredClone(args)) as Promise<unknown>));
    } catch (error) {
      throw new Error(`Error invoking remote method '${channel}': ${String(error)}`);
    }
  }
}

export class FakeWebContents
  extends EventEmitter
  implements
    Pick<
      Real.WebContents,
      'send' | 'isDestroyed' | 'isCrashed' | 'isLoading' | 'reload' | 'setWindowOpenHandler' | 'getURL' | 'getZoomLevel' | 'setZoomLevel'
    >
{
  url = '';
  reloads = 0;
  crashed = false;
  loading = false;
  zoom = 0;
  private openHandler: Parameters<Real.WebContents['setWindowOpenHandler']>[0] | null = null;

  send(channel: string, ...args: unknown[]): void {
    ipcRenderer.emit(channel, {}, ...structuredClone(args));
  }
  isDestroyed(): boolean {
    return false;
  }
  isLoading(): boolean {
    return this.loading;
  }
  getZoomLevel(): number {
    return this.zoom;
  }
  setZoomLevel(level: number): void {
    this.zoom = level;
  }
  isCrashed(): boolean {
    return this.crashed;
  }
  reload(): void {
    this.reloads += 1;
  }
  getURL(): string {
    return this.url;
  }
  setWindowOpenHandler(handler: Parameters<Real.WebContents['setWindowOpenHandler']>[0]): void {
    this.openHandler = handler;
  }
  /** What `window.open` in the page leads to; without a handler Electron allows it. */
  open(url: string): Real.WindowOpenHandlerResponse {
    return this.openHandler?.({ url } as Real.HandlerDetails) ?? { action: 'allow' };
  }
  /** Whether the page may do it. */
  attempt(event: 'will-navigate' | 'will-frame-navigate' | 'will-redirect' | 'will-attach-webview'): boolean {
    return !objects(this, event);
  }
}

const windows: BrowserWindow[] = [];

export class BrowserWindow
  extends EventEmitter
  implements
    Pick<
      Real.BrowserWindow,
      'loadURL' | 'show' | 'focus' | 'close' | 'maximize' | 'restore' | 'isMaximized' | 'isMinimized' | 'isDestroyed' | 'getNormalBounds'
    >
{
  readonly options: Real.BrowserWindowConstructorOptions;
  readonly webContents = new FakeWebContents();
  bounds: Real.Rectangle;
  shown = false;
  focused = 0;
  hasFocus = false;
  minimized = false;
  private maximized = false;
  private destroyed = false;

  constructor(options: Real.BrowserWindowConstructorOptions = {}) {
    super();
    this.options = options;
    this.bounds = { x: options.x ?? 0, y: options.y ?? 0, width: options.width ?? 800, height: options.height ?? 600 };
    windows.push(this);
    app.emit('web-contents-created', {}, this.webContents);
  }
  static getAllWindows(): BrowserWindow[] {
    return windows;
  }
  static getFocusedWindow(): BrowserWindow | null {
    return windows.find(({ hasFocus }) => hasFocus) ?? null;
  }
  loadURL(url: string): Promise<void> {
    this.webContents.url = url;
    this.emit('ready-to-show');
    this.webContents.emit('did-finish-load');
    return Promise.resolve();
  }
  show(): void {
    this.shown = true;
  }
  focus(): void {
    this.focused += 1;
  }
  maximize(): void {
    this.maximized = true;
    this.emit('maximize');
  }
  restore(): void {
    this.minimized = false;
  }
  isMaximized(): boolean {
    return this.maximized;
  }
  isMinimized(): boolean {
    return this.minimized;
  }
  isDestroyed(): boolean {
    return this.destroyed;
  }
  getNormalBounds(): Real.Rectangle {
    return this.bounds;
  }
  close(): void {
    if (this.destroyed || objects(this, 'close')) return;
    this.destroyed = true;
    windows.splice(windows.indexOf(this), 1);
    this.emit('closed');
    if (windows.length === 0) app.emit('window-all-closed');
  }
}

class FakeDialog implements Pick<Real.Dialog, 'showErrorBox'> {
  readonly errors: { title: string; content: string }[] = [];
  readonly asked: Real.MessageBoxOptions[] = [];
  /** The button that the user will press. */
  response = 0;

  showErrorBox(title: string, content: string): void {
    this.errors.push({ title, content });
  }
  showMessageBox(options: Real.MessageBoxOptions): Promise<Real.MessageBoxReturnValue> {
    this.asked.push(options);
    return Promise.resolve({ response: this.response, checkboxChecked: false });
  }
}

class FakeProtocol implements Pick<Real.Protocol, 'registerSchemesAsPrivileged' | 'handle'> {
  readonly schemes: Real.CustomScheme[] = [];
  readonly served = new Map<string, Parameters<Real.Protocol['handle']>[1]>();

  registerSchemesAsPrivileged(schemes: Real.CustomScheme[]): void {
    this.schemes.push(...schemes);
  }
  handle(scheme: string, handler: Parameters<Real.Protocol['handle']>[1]): void {
    this.served.set(scheme, handler);
  }
}

type RequestHandler = Parameters<Real.Session['setPermissionRequestHandler']>[0];
type CheckHandler = Parameters<Real.Session['setPermissionCheckHandler']>[0];
type DeviceHandler = Parameters<Real.Session['setDevicePermissionHandler']>[0];

class FakeSession implements Pick<
  Real.Session,
  'setPermissionRequestHandler' | 'setPermissionCheckHandler' | 'setDevicePermissionHandler'
> {
  onRequest: RequestHandler = null;
  onCheck: CheckHandler = null;
  onDevice: DeviceHandler = null;

  setPermissionRequestHandler(handler: RequestHandler): void {
    this.onRequest = handler;
  }
  setPermissionCheckHandler(handler: CheckHandler): void {
    this.onCheck = handler;
  }
  setDevicePermissionHandler(handler: DeviceHandler): void {
    this.onDevice = handler;
  }
}

class FakeMenu {
  /** The template of the menu in force. */
  current: Real.MenuItemConstructorOptions[] = [];

  buildFromTemplate(template: Real.MenuItemConstructorOptions[]): Real.MenuItemConstructorOptions[] {
    return template;
  }
  setApplicationMenu(menu: Real.MenuItemConstructorOptions[]): void {
    this.current = menu;
  }
}

/** The tray's icon, as long as it is shown. */
export class Tray extends EventEmitter implements Pick<Real.Tray, 'setToolTip' | 'setContextMenu' | 'setImage' | 'destroy'> {
  static readonly shown: Tray[] = [];
  /** What the desktop answers to a new one; null: it shows it. */
  static refusal: Error | null = null;
  image: string;
  toolTip = '';
  menu: Real.MenuItemConstructorOptions[] = [];

  constructor(image: string) {
    super();
    if (Tray.refusal !== null) throw Tray.refusal;
    this.image = image;
    Tray.shown.push(this);
  }
  setImage(image: unknown): void {
    this.image = String(image);
  }
  setToolTip(toolTip: string): void {
    this.toolTip = toolTip;
  }
  setContextMenu(menu: unknown): void {
    this.menu = menu as Real.MenuItemConstructorOptions[];
  }
  destroy(): void {
    Tray.shown.splice(Tray.shown.indexOf(this), 1);
  }
}

/** An image is its path here. */
export const nativeImage = { createFromPath: (path: string): string => path };

/** A notification; `shown` holds those of this test, in order. */
export class Notification extends EventEmitter implements Pick<Real.Notification, 'show' | 'title' | 'body'> {
  static readonly shown: Notification[] = [];
  static supported = true;
  title: string;
  body: string;

  constructor({ title = '', body = '' }: Real.NotificationConstructorOptions = {}) {
    super();
    this.title = title;
    this.body = body;
  }
  static isSupported(): boolean {
    return Notification.supported;
  }
  show(): void {
    Notification.shown.push(this);
  }
}

class FakeShell implements Pick<Real.Shell, 'openExternal'> {
  readonly opened: string[] = [];
  openExternal(url: string): Promise<void> {
    this.opened.push(url);
    return Promise.resolve();
  }
}

class FakeScreen implements Pick<Real.Screen, 'getAllDisplays'> {
  workAreas: Real.Rectangle[] = [{ x: 0, y: 0, width: 1920, height: 1040 }];
  getAllDisplays(): Real.Display[] {
    return this.workAreas.map((workArea) => ({ workArea }) as Real.Display);
  }
}

class FakeContextBridge implements Pick<Real.ContextBridge, 'exposeInMainWorld'> {
  readonly exposed = new Map<string, unknown>();
  exposeInMainWorld(key: string, api: unknown): void {
    if (this.exposed.has(key)) throw new Error(`Cannot bind an API on top of an existing property '${key}'`);
    this.exposed.set(key, api);
  }
}

/** A keychain that can be switched off, or made anew so that nothing of before can be read. */
class FakeSafeStorage implements Pick<
  Real.SafeStorage,
  'isAsyncEncryptionAvailable' | 'getSelectedStorageBackend' | 'encryptStringAsync' | 'decryptStringAsync'
> {
  available = true;
  backend: ReturnType<Real.SafeStorage['getSelectedStorageBackend']> = 'gnome_libsecret';
  key = 0x5a;
  encryptions = 0;

  isAsyncEncryptionAvailable(): Promise<boolean> {
    return Promise.resolve(this.available);
  }
  getSelectedStorageBackend(): ReturnType<Real.SafeStorage['getSelectedStorageBackend']> {
    return this.backend;
  }
  encryptStringAsync(plainText: string): Promise<Buffer> {
    this.encryptions++;
    return Promise.resolve(Buffer.from([this.key, ...Buffer.from(plainText).map((byte) => byte ^ this.key)]));
  }
  decryptStringAsync(encrypted: Buffer): Promise<Real.DecryptStringAsyncReturnValue> {
    if (encrypted[0] !== this.key) return Promise.reject(new Error('Error while decrypting the ciphertext provided'));
    const result = Buffer.from(encrypted.subarray(1).map((byte) => byte ^ this.key)).toString();
    return Promise.resolve({ result, shouldReEncrypt: false });
  }
}

export const app = new FakeApp();
export const safeStorage = new FakeSafeStorage();
export const ipcMain = new FakeIpcMain();
export const ipcRenderer = new FakeIpcRenderer();
export const dialog = new FakeDialog();
export const protocol = new FakeProtocol();
export const session = { defaultSession: new FakeSession() };
export const Menu = new FakeMenu();
export const shell = new FakeShell();
export const screen = new FakeScreen();
export const contextBridge = new FakeContextBridge();
export const nativeTheme: Pick<Real.NativeTheme, 'themeSource' | 'shouldUseDarkColors'> = {
  themeSource: 'system',
  shouldUseDarkColors: true,
};
