// <try-on-button>: try a product on with the phone. This is all that a product page loads: the
// element as it stands on the page. What follows a press is in try-on-dialog.js, which is fetched,
// with its words, at the first sign of intent.
// What it takes, says and lets you style: custom-elements.json.
// Browsers get it without comments and spaces, and with SERVED filled in.

const HOME = import.meta.url.replace(/\/(static\/)?[^/]*$/, '');
// The dialog's path and integrity, the words' path, and the own button's label with its language.
const SERVED = {};
// The last three are on or off.
const PROPERTIES = 'productId category endpoint mode target theme reference productTitle signature whenUnavailable disabled impressions datalayer'.split(' ');
// What is in a named slot is the dialog's, links among it.
const LINK = ':scope>a:not([slot]),:scope>:not([slot]) a';

const { userAgent, maxTouchPoints, globalPrivacyControl, language } = navigator;
// An iPad says that it is a Mac; no Mac has touch points.
const phone = /Android|iP/.test(userAgent) || maxTouchPoints > 1 && /Mac/.test(userAgent);
// Apps that open links in themselves, often without a camera.
const boxed = /FBA|Instagram|musical|Snapchat|Line\/|; wv/.test(userAgent);

// A blob's address ends in a UUID, also without https, where crypto.randomUUID is missing.
const uuid = () => URL.createObjectURL(new Blob()).slice(-36);

const make = (tag, members) => Object.assign(document.createElement(tag), members);

// Checked against its integrity where browsers do that; the import then takes what was checked.
const preload = make('link', { rel: 'modulepreload', integrity: SERVED.integrity, href: HOME + SERVED.dialog });

const sheet = new CSSStyleSheet();
sheet.replaceSync(`button{min-height:44px;padding:var(--try-on-padding,12px 16px);border:var(--try-on-border,1px solid #0000);border-radius:var(--try-on-radius,10px);background:var(--try-on-bg,CanvasText);color:var(--try-on-fg,Canvas);font:inherit;cursor:pointer}
:focus-visible{outline:3px solid var(--try-on-focus,);outline-offset:2px}`);

class TryOnButton extends HTMLElement {
  static observedAttributes = ['product-id', 'disabled', 'state'];

  #icon = make('slot', { name: 'icon', part: 'icon' });
  #label = make('slot', { part: 'label' });
  #words = make('span', SERVED.label);
  #own = make('button', { part: 'button' });
  #spoken; // the language of the dialog
  #coming; // the dialog
  #dialog; // once it is here

  // The try-on as the dialog knows it too; and the `control` that is pressed: the page's link, or our
  // own button. What began in an earlier turn is not heard in this one.
  #now = {
    state: 'idle',
    turn: 0,
    boxed,
    uuid,

    become: state => {
      if (state == this.state) return;
      this.#now.state = state;
      this.setAttribute('state', state);
      this.#dialog?.render();
      this.#now.tell('statechange');
    },

    tell: (name, more, cancelable) => {
      const { session, state, productId, category, reference } = this;
      const detail = {
        productId,
        category,
        reference,
        id: session?.id,
        state,
        device: phone ? 'phone' : 'desktop',
        clickId: this.#now.click,
        ...more,
      };
      // Also under the names of Google Analytics, which knows no hyphens.
      if (this.datalayer && !globalPrivacyControl) (window.dataLayer ||= []).push({
        ...detail,
        event: 'tryon-' + name,
        event_name: 'tryon_' + name,
        item_id: productId,
        item_category: category,
      });
      return this.dispatchEvent(new CustomEvent('tryon-' + name, { detail, bubbles: true, composed: true, cancelable }));
    },

    beacon: more => {
      navigator.sendBeacon(this.#home + '/events', JSON.stringify({ ...this.#about, ...more }));
    },

    /** Ask for a session: the answer, or nothing where there was none. `direct`: for this device. */
    ask: direct => {
      this.#now.become('creating');
      return fetch(this.#home + '/sessions', {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({
          ...this.#about,
          reference: this.reference,
          title: this.productTitle,
          click_id: this.#now.click,
          direct,
          resume: this.#kept?.id,
        }),
      }).catch(() => {});
    },
  };

  #impress = new IntersectionObserver(([{ isIntersecting }]) => {
    if (!isIntersecting) return;
    const id = uuid();
    this.#impress.disconnect();
    this.#now.tell('impression', { id });
    this.#now.beacon({ name: 'impression', id });
  }, { threshold: .5 });

  get state() { return this.#now.state; }
  get session() { return this.#now.session; }

  connectedCallback() {
    // Properties that were set before the upgrade hide the accessors.
    for (const [name, value] of Object.entries(this)) {
      delete this[name];
      this[name] = value;
    }
    this.shadowRoot || this.#build();
    if (this.impressions && !globalPrivacyControl) this.#impress.observe(this);
    this.#resume();
  }

  // Moved by moveBefore(), it goes on.
  connectedMoveCallback() {}

  disconnectedCallback() { this.#dialog?.rest(true); }

  attributeChangedCallback(name, old, value) {
    // Whoever puts the page together anew may strip our state, or bring an old one.
    if (name == 'state') {
      if ((value ?? 'idle') != this.state) this.setAttribute(name, this.state);
    } else if (this.shadowRoot) {
      if (name == 'product-id' && old != value) {
        const now = this.#now;
        this.#dialog?.rest();
        now.session = now.click = undefined;
        now.turn++;
        now.become('idle');
        this.#resume();
      }
      this.#arrange();
    }
  }

  /** Start, or show again what was started. */
  async open(event) {
    const now = this.#now;
    const { turn } = now;
    const live = /waiting|opened/.test(this.state);
    now.click ||= uuid();
    if (this.disabled || event && !now.tell('click', {}, true)) return;
    const away = /page|redirect/.test(this.mode) || this.mode != 'handoff' && phone && !boxed && !live;
    const asks = this.state != 'creating' && !this.#dialog?.holds && (away || !live);
    // A window opened after waiting is blocked: open it now, empty, or stay in this tab.
    const page = asks && away && !boxed && this.target == '_blank' ? open('', '_blank') : null;
    const answer = asks && now.ask(phone && away || /redirect/.test(this.mode));
    try {
      const dialog = await this.#prepared;
      turn == now.turn ? await dialog.open(answer, away, page) : page?.close();
    } catch {
      // As without this script: where the link leads.
      page?.close();
      now.turn++;
      now.become('idle');
      location = now.control.href ?? HOME + '/t/?' + new URLSearchParams(this.#about);
    }
  }

  close() { this.#dialog?.close(); }

  /** Give up: ends the session. Closing the dialog does not. */
  async cancel() { await this.#dialog?.cancel(); }

  /** A new code in place of the old one. */
  async refresh() { await (await this.#prepared).refresh(); }

  /** The dialog, in the page's language. */
  get #prepared() {
    if (this.#spoken == this.#lang) return this.#coming;
    return this.#coming = this.#fetch(this.#spoken = this.#lang);
  }

  async #fetch(lang) {
    document.head.append(preload);
    const [{ default: Dialog }, answer] = await Promise.all([
      import(preload.href),
      fetch(HOME + SERVED.words + '/' + lang + '.json'),
    ]);
    if (!answer.ok) throw answer;
    const words = await answer.json();
    return Object.assign(this.#dialog ??= new Dialog(this, this.#now), { words });
  }

  /** After a page load: what became of the session that this tab had? */
  #resume() {
    const kept = this.#kept;
    if (this.#dialog || kept?.qr) this.#prepared.then(dialog => dialog.resume(kept), () => {});
  }

  get #home() { return this.endpoint?.replace(/\/$/, '') || HOME; }

  /** The language of the page around, through every shadow root, else the browser's. */
  get #lang() {
    let lang;
    for (let at = this; at && !lang; at = at.getRootNode().host) lang = at.closest('[lang]')?.lang;
    return lang || language;
  }

  get #about() {
    return {
      product_id: this.productId,
      category: this.category,
      signature: this.signature,
      locale: this.#lang,
    };
  }

  /** The session of this product that this tab knows; the dialog writes it. */
  get #kept() {
    try {
      return JSON.parse(sessionStorage['tryon:' + this.productId]);
    } catch {
      // Nothing is kept, or storage is forbidden: a reload starts anew.
    }
  }

  #build() {
    const root = this.attachShadow({ mode: 'open' });
    root.adoptedStyleSheets = [sheet];
    root.append(this.#own);
    this.#arrange();
    new MutationObserver(() => this.#arrange()).observe(this, { subtree: true, childList: true, characterData: true });
    this.addEventListener('click', event => {
      if (event.ctrlKey || event.metaKey || !event.composedPath().includes(this.#now.control)) return;
      event.preventDefault();
      this.open(event);
    });
    for (const sign of ['pointerover', 'focusin']) this.addEventListener(sign, () => this.#prepared.catch(() => {}));
  }

  /** The page's link, wherever there is one, is the button; else the element has its own. */
  #arrange() {
    const link = this.querySelector(LINK);
    const place = link ? this.shadowRoot : this.#own;
    (this.#now.control = link || this.#own).ariaDisabled = this.disabled || null;
    this.#own.hidden = !!link; // of a link itself it would take the address
    if (this.#label.parentNode != place) place.append(this.#icon, this.#label, this.#words);
    // Of an element there is no data.
    this.#words.hidden = this.#label.assignedNodes().some(node => node.data?.trim() != '');
  }
}

PROPERTIES.forEach((property, at) => {
  const name = property.replace(/[A-Z]/, '-$&'); // HTML doesn't mind the capital
  Object.defineProperty(TryOnButton.prototype, property, {
    get() { return at > 9 ? this.hasAttribute(name) : this.getAttribute(name) ?? undefined; },
    set(value) {
      (value ?? false) === false ? this.removeAttribute(name) : this.setAttribute(name, value);
    },
  });
});

// A second copy of this script finds the name taken, and leaves it at that. A button of no product
// takes up what another page of this tab has left under way.
if (!customElements.get('try-on-button')) {
  customElements.define('try-on-button', TryOnButton);
  new TryOnButton().connectedCallback();
}
