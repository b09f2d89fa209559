// A shop's product page, with everything of its own that a test wants to change.
import { StrictMode, useState } from 'react';
import { TryOn } from './TryOn';
import type { TryOnButton } from './try-on-button';

declare const SERVER: string;

declare global {
  interface Window {
    heard: string[];
    change: (changes: Partial<Page>) => void;
    element: TryOnButton | null;
  }
}

interface Page {
  sku: string;
  shown: boolean;
  disabled: boolean;
  who: string;
}

function Product() {
  const [page, setPage] = useState<Page>({ sku: 'sku-1', shown: true, disabled: false, who: 'first' });
  if (typeof window !== 'undefined') window.change = (changes) => setPage((now) => ({ ...now, ...changes }));
  const hear = (what: string) => window.heard.push(`${page.who} ${what}`);
  return (
    <main>
      <h1>Trail Runner</h1>
      {page.shown && (
        <TryOn
          ref={(element) => void (window.element = element)}
          server={SERVER}
          productId={page.sku}
          category="footwear"
          productTitle="Trail Runner"
          disabled={page.disabled}
          className="try"
          onClick={() => hear('click')}
          onCreated={(event) => hear(`created ${event.detail.productId}`)}
          onCompleted={(event) => hear(`completed ${event.detail.productId}`)}
          onError={(event) => hear(event.detail.code)}
        >
          <span slot="completed">Did it suit you?</span>
        </TryOn>
      )}
    </main>
  );
}

export const Shop = () => (
  <StrictMode>
    <Product />
  </StrictMode>
);
