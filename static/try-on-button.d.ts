/** Types of <try-on-button>. See custom-elements.json for what each attribute and part is. */

export type TryOnState =
  | 'idle'
  | 'creating'
  | 'waiting'
  | 'opened'
  | 'completed'
  | 'abandoned'
  | 'failed'
  | 'ended'
  | 'expired'
  | 'cancelled'
  | 'error';

export interface TryOnSession {
  readonly id: string;
  readonly state: string;
  readonly product_id: string;
  readonly category: string;
  readonly launch_url: string;
  readonly handoff_url: string;
  readonly status_url: string;
  readonly events_url: string;
  readonly expires_at: string | null;
}

export interface TryOnDetail {
  productId: string | undefined;
  category: string | undefined;
  reference: string | undefined;
  /** The session's id; an impression's own id on `tryon-impression`. */
  id: string | undefined;
  state: TryOnState;
  device: 'phone' | 'desktop';
  clickId: string | undefined;
}

export interface TryOnProblem extends TryOnDetail {
  /** `network`, `bad_reply`, or a problem code of the server. */
  code: string;
  /** The HTTP status; 0 where there was no answer. */
  status: number;
  retryable: boolean;
  /** For the shopper, in their language. */
  message: string;
}

export interface TryOnEventMap {
  'tryon-impression': CustomEvent<TryOnDetail>;
  /** Cancelable: `preventDefault()` keeps the try-on from starting. */
  'tryon-click': CustomEvent<TryOnDetail>;
  'tryon-created': CustomEvent<TryOnDetail>;
  'tryon-launch': CustomEvent<TryOnDetail>;
  'tryon-statechange': CustomEvent<TryOnDetail>;
  'tryon-opened': CustomEvent<TryOnDetail>;
  'tryon-completed': CustomEvent<TryOnDetail>;
  'tryon-expired': CustomEvent<TryOnDetail>;
  'tryon-cancelled': CustomEvent<TryOnDetail>;
  'tryon-error': CustomEvent<TryOnProblem>;
  'tryon-copy': CustomEvent<TryOnDetail>;
  'tryon-refresh': CustomEvent<TryOnDetail>;
}

export interface TryOnButton extends HTMLElement {
  productId: string | undefined;
  category: string | undefined;
  endpoint: string | undefined;
  mode: 'auto' | 'redirect' | 'handoff' | 'page' | undefined;
  target: '_self' | '_blank' | undefined;
  theme: 'light' | 'dark' | 'auto' | undefined;
  reference: string | undefined;
  productTitle: string | undefined;
  signature: string | undefined;
  whenUnavailable: 'show' | 'hide' | 'disable' | undefined;
  disabled: boolean;
  impressions: boolean;
  datalayer: boolean;
  readonly state: TryOnState;
  readonly session: TryOnSession | undefined;
  open(): Promise<void>;
  close(): void;
  cancel(): Promise<void>;
  refresh(): Promise<void>;
  addEventListener<Name extends keyof TryOnEventMap>(
    type: Name,
    listener: (this: TryOnButton, event: TryOnEventMap[Name]) => unknown,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | AddEventListenerOptions,
  ): void;
}

declare global {
  interface HTMLElementTagNameMap {
    'try-on-button': TryOnButton;
  }
  interface HTMLElementEventMap extends TryOnEventMap {}
}
