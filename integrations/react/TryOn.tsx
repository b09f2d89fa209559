'use client';
// The try-on button for React 18 and 19. README.md beside this says how it is used; the types are
// your try-on server's own, /try-on-button.d.ts.

import { createElement, forwardRef, useEffect, useImperativeHandle, useRef } from 'react';
import type { ReactNode, RefObject } from 'react';
import type { TryOnButton, TryOnEventMap } from './try-on-button';

type Step = keyof TryOnEventMap extends `tryon-${infer Name}` ? Name : never;

/** `onCompleted` for `tryon-completed`, and so for each event. */
export type TryOnHandlers = {
  [Name in Step as `on${Capitalize<Name>}`]?: (event: TryOnEventMap[`tryon-${Name}`]) => void;
};

export interface TryOnProps extends TryOnHandlers {
  /** Where the try-on server is: its TRYON_PUBLIC_URL. */
  server: string;
  /** The product; another one (a variant) starts over. */
  productId: string;
  category?: string;
  reference?: string;
  productTitle?: string;
  /** The shop's signature of the product, made by its server, where clicks are signed. */
  signature?: string;
  lang?: string;
  mode?: TryOnButton['mode'];
  target?: TryOnButton['target'];
  theme?: TryOnButton['theme'];
  whenUnavailable?: TryOnButton['whenUnavailable'];
  /** A selector of the page's own button, to be offered at the end. */
  addToCart?: string;
  status?: 'none';
  disabled?: boolean;
  impressions?: boolean;
  datalayer?: boolean;
  /** A fixed version's address, `/static/try-on-button.<hash>.js`, and its integrity. */
  script?: { src: string; integrity: string };
  /** The link's, since it is the button. */
  className?: string;
  /** What the button says. */
  label?: ReactNode;
  /** What goes into the element's slots: `<img slot="header">`, `<span slot="completed">`. */
  children?: ReactNode;
}

const STEPS = {
  impression: 'onImpression',
  click: 'onClick',
  created: 'onCreated',
  launch: 'onLaunch',
  statechange: 'onStatechange',
  opened: 'onOpened',
  completed: 'onCompleted',
  expired: 'onExpired',
  cancelled: 'onCancelled',
  error: 'onError',
  copy: 'onCopy',
  refresh: 'onRefresh',
} as const satisfies { [Name in Step]: `on${Capitalize<Name>}` };

/** The button, and the link that it is where no script runs: on the server, and before it is loaded. */
export const TryOn = forwardRef<TryOnButton | null, TryOnProps>(function TryOn(props, ref) {
  const button = useRef<TryOnButton>(null);
  useScript(props.script?.src ?? `${props.server}/try-on-button.js`, props.script?.integrity);
  useHandlers(button, props);
  useImperativeHandle<TryOnButton | null, TryOnButton | null>(ref, () => button.current, []);
  const link = createElement('a', { href: address(props), className: props.className }, props.label ?? 'Try it on');
  return createElement('try-on-button', { ref: button, ...attributes(props) }, link, props.children);
});

/** Load the element's script, once a page. */
function useScript(src: string, integrity?: string) {
  useEffect(() => {
    if (document.querySelector(`script[src="${CSS.escape(src)}"]`)) return;
    const script = Object.assign(document.createElement('script'), { type: 'module', src });
    if (integrity) Object.assign(script, { integrity, crossOrigin: 'anonymous' });
    document.head.append(script);
  }, [src, integrity]);
}

/** Tell the handlers of the latest render, without listening anew for each. */
function useHandlers(button: RefObject<TryOnButton | null>, handlers: TryOnHandlers) {
  const latest = useRef(handlers);
  useEffect(() => {
    latest.current = handlers;
  });
  useEffect(() => {
    const listening = new AbortController();
    for (const name of Object.keys(STEPS) as Step[]) {
      const tell = (event: Event) => (latest.current[STEPS[name]] as ((event: Event) => void) | undefined)?.(event);
      button.current?.addEventListener(`tryon-${name}`, tell, { signal: listening.signal });
    }
    return () => listening.abort();
  }, [button]);
}

/** Where the link leads: the product's own try-on page. */
function address({ server, productId, category, signature }: TryOnProps) {
  const query = new URLSearchParams({ product_id: productId });
  if (category) query.set('category', category);
  if (signature) query.set('signature', signature);
  return `${server}/t/?${query}`;
}

/** As HTML has them, which React 18 and 19 write alike: one that is off is not there. */
function attributes(props: TryOnProps) {
  return {
    'product-id': props.productId,
    category: props.category,
    reference: props.reference,
    'product-title': props.productTitle,
    signature: props.signature,
    lang: props.lang,
    mode: props.mode,
    target: props.target,
    theme: props.theme,
    'when-unavailable': props.whenUnavailable,
    'add-to-cart': props.addToCart,
    status: props.status,
    disabled: props.disabled ? '' : undefined,
    impressions: props.impressions ? '' : undefined,
    datalayer: props.datalayer ? '' : undefined,
  };
}
