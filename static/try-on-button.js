// <try-on-button>: try a product on with the phone. One file, no dependency.
// What it takes, says and lets you style: custom-elements.json.
// Browsers get it without comments and spaces; nothing else is changed.

const HOME = import.meta.url.replace(/\/(static\/)?[^/]*$/, '');
// The last three are on or off.
const PROPERTIES = ['productId', 'category', 'endpoint', 'mode', 'target', 'theme', 'reference', 'productTitle', 'signature', 'disabled', 'impressions', 'datalayer'];

// Said before the server has spoken; all else comes with its answer, in the shopper's language.
const ENGLISH = {
  lang: 'en',
  dir: '',
  label: 'Try it on',
  creating: '…',
  close: 'Close',
  again: 'Try again',
  net: 'No connection. Try again.',
};

const agent = navigator.userAgent;
// An iPad says that it is a Mac; no Mac has touch points.
const phone = () => /Android|iP/.test(agent) || /Mac/.test(agent) && navigator.maxTouchPoints > 1;
// Apps that open links in themselves, often without a camera.
const boxed = /FBA|Instagram|musical|Snapchat|Line\/|; wv/.test(agent);

// Depth, tag, part, and the states in which it is seen. A part's words bear its name.
// In this order nothing that stays moves when the state changes.
const OUTLINE = `
0 span spinner creating
0 dialog dialog
1 div row
2 slot header
2 h2 title
2 button close
1 p status
1 p error error
1 slot completed completed
1 div way creating waiting soon offline expired
2 ol steps creating waiting soon offline
3 li step1
3 li step2
3 li step3
2 div qr
1 p ${boxed ? 'hint' : ''} waiting
1 button shop opened completed
1 div row waiting soon abandoned failed expired cancelled error
2 a here waiting soon
2 button copy waiting soon
2 button refresh soon abandoned failed expired cancelled error
2 p time
1 slot privacy`;

// A session never goes back in this order, whatever arrives late.
const ORDER = 'waiting opened abandoned failed expired cancelled completed';
const live = state => /waiting|opened/.test(state);

const sheet = new CSSStyleSheet();
sheet.replaceSync(`
:host{position:relative}
:host([theme=light]) dialog{color-scheme:light}
:host([theme=dark]) dialog{color-scheme:dark}
:host([theme=auto]) dialog{color-scheme:light dark}
[hidden]{display:none!important}
button,a{justify-self:start;box-sizing:border-box;min-height:44px;padding:12px 16px;border:1px solid;border-radius:var(--try-on-radius,10px);background:none;color:inherit;font:inherit;text-decoration:none;cursor:pointer}
button:disabled{opacity:.5}
:focus-visible{outline:3px solid var(--try-on-focus,currentColor);outline-offset:2px}
button[part=button],[part=refresh],[part=shop]{padding:var(--try-on-padding,12px 16px);border:var(--try-on-border,1px solid transparent);background:var(--try-on-bg,CanvasText);color:var(--try-on-fg,Canvas)}
[part=spinner]{position:absolute;inset:0 4px 0 auto;width:16px;height:16px;margin:auto;border:3px dotted #fff;border-radius:50%;mix-blend-mode:difference;animation:turn 2s linear infinite}
dialog{box-sizing:border-box;width:600px;margin-top:9vh;gap:20px;padding:24px;border:0;border-radius:var(--try-on-dialog-radius,20px);background:var(--try-on-dialog-bg,Canvas);color:var(--try-on-dialog-fg,CanvasText);font-size:16px;line-height:1.4;text-align:start}
[open]{display:grid}
::backdrop{background:var(--try-on-backdrop,#0009)}
[part=row],[part=way]{display:flex;flex-wrap:wrap;gap:8px 16px;align-items:center}
h2{flex:1;font-size:20px;overflow-wrap:anywhere}
[part=close]{border:0}
h2,ol,p{margin:0}
p:empty{display:none}
ol{flex:1 1 200px;padding-inline-start:20px}
li{padding:4px}
li:empty{visibility:hidden}
[part=qr]{margin:auto}
svg{width:224px;height:224px;border-radius:12px;background:#fff;forced-color-adjust:none}
:host(:not([state=waiting])) svg{opacity:.15}
:host([state=creating]) svg{background:gray}
[part=status]{font-weight:600}
:host([state=completed]) [part=status]{font-size:24px;animation:pop .5s}
@keyframes turn{to{rotate:1turn}}
@keyframes pop{0%{scale:0}70%{scale:1.1}}
@media (prefers-reduced-motion){*{animation:none!important}}
`);

const draw = tag => document.createElementNS('http://www.w3.org/2000/svg', tag);
const make = (tag, part) => {
  const element = document.createElement(tag);
  element.part = part;
  return element;
};

// A blob's address ends in a UUID, also without https, where crypto.randomUUID is missing.
const uuid = () => URL.createObjectURL(new Blob()).slice(-36);

class TryOnButton extends HTMLElement {
  static observedAttributes = ['product-id', 'disabled'];

  #state = 'idle';
  #words = ENGLISH;
  #parts = {};
  #seen = {};
  #session;
  #known; // the last state of the session that the page was told
  #click;
  #problem;
  #end; // of the session or a Retry-After, by this machine's monotonic clock
  #stream;
  #timer;
  #life;
  #turn = 0;

  get state() { return this.#state; }
  get session() { return this.#session; }

  connectedCallback() {
    // Properties that were set before the upgrade hide the accessors.
    for (const [name, value] of Object.entries(this)) {
      delete this[name];
      this[name] = value;
    }
    this.shadowRoot || this.#build();
    this.#life = new AbortController();
    for (const name of ['pageshow', 'pagehide', 'visibilitychange']) {
      addEventListener(name, () => this.#wake(name), this.#life);
    }
    if (this.impressions) this.#watch();
    this.#resume();
  }

  disconnectedCallback() {
    this.#life.abort();
    this.#stop();
    this.close();
  }

  attributeChangedCallback(name, old, value) {
    if (!this.shadowRoot) return;
    if (name == 'product-id' && old != value) {
      this.#forget();
      this.close();
      this.#click = undefined;
      this.#become('idle');
      this.#resume();
    }
    this.#render();
  }

  /** Start, or show again what was started. */
  async open(event) {
    if (this.disabled) return;
    if (!this.#click || this.#session && !live(this.#state)) this.#click = uuid();
    if (event && !this.#emit('click', {}, true)) return;
    const { mode } = this;
    const away = /page|redirect/.test(mode) || mode != 'handoff' && phone() && !boxed && !live(this.#state);
    const { dialog } = this.#parts;
    const show = () => dialog.open || dialog.showModal();
    if (!away) show();
    if (this.#state == 'creating' || !away && live(this.#state)) return;
    // A window opened after waiting is blocked: open it now, empty, or stay in this tab.
    const page = away && !boxed && this.target == '_blank' ? open('', '_blank') : null;
    if (page) page.opener = null;
    if (await this.#create()) {
      if (!away || !this.isConnected) return;
      this.#emit('launch');
      (page || window).location = mode == 'page' ? this.#session.handoff_url : this.#session.launch_url;
    } else {
      page?.close();
      if (this.#state == 'error') show();
    }
  }

  close() { this.#parts.dialog?.close(); }

  /** Give up: ends the session. Closing the dialog does not. */
  async cancel() {
    if (live(this.#state)) await this.#ask('/cancel', { method: 'POST' });
  }

  /** A new code in place of the old one. */
  async refresh() {
    this.cancel();
    this.#forget();
    this.#keep(false);
    this.#click = uuid();
    this.#emit('refresh');
    await this.#create();
  }

  #forget() {
    this.#turn++;
    this.#stop();
    this.#session = undefined;
  }

  async #create() {
    const turn = this.#turn;
    const kept = this.#keep();
    let answer, body;
    this.#session = undefined;
    this.#become('creating');
    try {
      answer = await fetch(this.#home + '/sessions', {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({
          ...this.#about,
          reference: this.reference,
          title: this.productTitle,
          click_id: this.#click,
          resume: kept?.id,
        }),
        signal: AbortSignal.timeout(15000), // longer than the vendor may take, which is 10 s at most
      });
      body = await answer.json() ?? {};
    } catch {
      body = { code: 'network', retryable: true };
    }
    if (turn != this.#turn) return;
    this.#words = { ...ENGLISH, ...body.strings };
    this.#end = performance.now() / 1000 + (body.expires_in ?? body.retry_after);
    if (answer?.ok && body.qr && /^https?:/.test(body.launch_url)) {
      this.#adopt(body, kept?.id == body.id ? kept.state : 'waiting');
      this.#emit('created');
      this.#take(body);
      this.#follow();
      return true;
    }
    const { code = 'bad_reply', retryable = false, message = this.#words.net } = body;
    this.#problem = { code, status: answer?.status | 0, retryable, message };
    this.#become('error');
    this.#emit('error', this.#problem);
    // Nobody knows what came of this click, and never will: the next press is a new one, after it.
    if (answer?.status == 504) this.#click += '-';
    if (!answer) this.#beacon({ name: 'error', id: uuid(), code });
    this.#follow();
  }

  /** The server's word on the session, whichever way it came. */
  #take({ state }) {
    const known = this.#known;
    if (ORDER.indexOf(state) < ORDER.indexOf(known)) return;
    this.#known = state;
    this.#become(state);
    if (state != known) {
      // What was missed while the page was away is told now, in order.
      if (known == 'waiting' && /completed|abandoned|failed/.test(state)) this.#emit('opened');
      if (!/abandoned|failed/.test(state)) this.#emit(state);
    }
    this.#keep(live(state) && { ...this.#session, state, click: this.#click });
    if (!live(state)) this.#stop();
  }

  async #ask(path = '', options) {
    const turn = this.#turn;
    try {
      const answer = await fetch(this.#session.status_url + path, options);
      const body = answer.status == 404 ? { state: 'expired' } : await answer.json();
      if (turn == this.#turn && body.state) this.#take(body);
    } catch {
      // Offline: the next turn asks again.
    }
  }

  /** After a page load: what became of the session that this tab had? */
  #resume() {
    const kept = this.#keep();
    if (kept && !this.#session) {
      this.#adopt(kept, kept.state);
      this.#click = kept.click;
      this.#become(kept.state);
    }
    this.#wake();
  }

  #wake(name) {
    this.#render();
    if (name == 'pagehide') this.#stop();
    else if (live(this.#state) && !document.hidden) {
      this.#ask();
      if (!this.#timer) this.#follow();
    }
  }

  /** Server-Sent Events; while they are not open, asking every 2 to 5 seconds. */
  #follow() {
    this.#stop();
    if (!this.isConnected) return;
    if (live(this.#state) && window.EventSource) {
      this.#stream = new EventSource(this.#session.events_url);
      this.#stream.addEventListener('state', event => this.#take(JSON.parse(event.data)));
    }
    let beat = 0;
    this.#timer = setInterval(() => {
      this.#render();
      if (live(this.#state) && this.#stream?.readyState != 1 && !document.hidden && ++beat % Math.min(2 + beat / 9 | 0, 5) < 1) this.#ask();
    }, 1000);
  }

  #stop() {
    this.#stream?.close();
    clearInterval(this.#timer);
    this.#stream = this.#timer = undefined;
  }

  #become(state) {
    if (state == this.#state) return;
    this.#state = state;
    this.setAttribute('state', state);
    this.#render();
    this.#emit('statechange');
  }

  #emit(name, more, cancelable) {
    const event = 'tryon-' + name;
    const { productId, category, reference } = this;
    const detail = {
      productId,
      category,
      reference,
      id: this.#session?.id,
      state: this.#state,
      device: phone() ? 'phone' : 'desktop',
      clickId: this.#click,
      ...more,
    };
    if (this.datalayer) (window.dataLayer ||= []).push({ event, ...detail });
    return this.dispatchEvent(new CustomEvent(event, { bubbles: true, composed: true, cancelable, detail }));
  }

  #beacon(more) {
    navigator.sendBeacon(this.#home + '/events', JSON.stringify({ ...this.#about, ...more }));
  }

  #watch() {
    new IntersectionObserver(([{ isIntersecting }], observer) => {
      if (!isIntersecting) return;
      observer.disconnect();
      const id = uuid();
      this.#emit('impression', { id });
      this.#beacon({ name: 'impression', id });
    }, { threshold: .5 }).observe(this);
  }

  get #home() { return this.endpoint?.replace(/\/$/, '') || HOME; }

  get #about() {
    return {
      product_id: this.productId,
      category: this.category,
      signature: this.signature,
      locale: this.closest('[lang]')?.lang || navigator.language,
    };
  }

  /** Read or write what this tab knows of the session; false when it has ended. */
  #keep(value) {
    const key = 'tryon:' + this.productId;
    try {
      if (value == null) return JSON.parse(sessionStorage.getItem(key));
      sessionStorage.setItem(key, JSON.stringify(value));
    } catch {
      // Storage is forbidden: a reload starts anew.
    }
  }

  #build() {
    const parts = this.#parts;
    const root = this.attachShadow({ mode: 'open' });
    root.adoptedStyleSheets = [sheet];

    // A link among the children stays what is seen and pressed: nothing moves.
    const link = this.querySelector('a');
    const button = make(link ? 'span' : 'button', 'button');
    const control = parts.control = link || button;
    const label = make('slot', 'label');
    const icon = make('slot', 'icon');
    icon.name = 'icon';
    if (!link) label.append(ENGLISH.label);
    button.append(icon, label);
    control.addEventListener('click', event => {
      if (event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      this.open(event);
    });
    root.append(button);

    const above = [root];
    for (const line of OUTLINE.trim().split('\n')) {
      const [depth, tag, name, ...states] = line.split(' ');
      const element = parts[name] = make(tag, name);
      if (tag == 'slot') element.name = name;
      this.#seen[name] = states;
      above[depth].append(element);
      above[+depth + 1] = element;
    }
    const { dialog, status, error, qr, refresh, here, copy, close, shop } = parts;
    qr.append(parts.svg = draw('svg'));
    parts.svg.append(parts.path = draw('path'));
    parts.svg.role = 'img';
    status.role = error.role = 'status';
    dialog.setAttribute('closedby', 'any');
    dialog.onclose = () => control.focus();
    close.append('✕');
    close.onclick = shop.onclick = () => this.close();
    refresh.onclick = () => this.#state == 'error' ? this.open() : this.refresh();
    here.onclick = () => this.#emit('launch');
    copy.onclick = () => navigator.clipboard?.writeText(this.#session.handoff_url).then(() => {
      copy.textContent = this.#words.copied;
      this.#emit('copy');
    }, () => {});
  }

  #adopt(session, known) {
    const { qr: { size, path: shape }, launch_url, strings } = session;
    const { svg, path, here } = this.#parts;
    this.#session = session;
    this.#known = known;
    this.#words = { ...ENGLISH, ...strings };
    svg.setAttribute('viewBox', `0 0 ${size} ${size}`);
    svg.ariaLabel = this.#words.qr;
    path.setAttribute('d', shape);
    here.href = launch_url;
    here.target = this.target ?? '';
  }

  #render() {
    const parts = this.#parts;
    const words = this.#words;
    const state = this.#state;
    const problem = state == 'error' && this.#problem;
    // Time left is shown near the end only, and is not announced by the second.
    const left = Math.ceil(this.#end - performance.now() / 1000);
    const view = live(state) && !navigator.onLine ? 'offline' : state == 'waiting' && left > 0 && left < 61 ? 'soon' : state;
    const focused = this.shadowRoot.activeElement;
    // Writing the same words again would have them read out again.
    const say = (name, text = '') => {
      if (parts[name].textContent != text) parts[name].textContent = text;
    };
    for (const name in this.#seen) {
      const states = this.#seen[name];
      parts[name].hidden = states[0] && !states.includes(view);
      if (words[name] && !/qr|close|completed/.test(name)) say(name, words[name]);
    }
    const { dialog, control, refresh } = parts;
    control.ariaDisabled = this.disabled;
    parts.close.ariaLabel = words.close;
    dialog.lang = words.lang;
    dialog.dir = words.dir;
    say('title', dialog.ariaLabel = this.productTitle || this.#session?.title || words.label);
    say('status', words[view]);
    say('error', problem.message);
    refresh.disabled = left > 0 && problem;
    say('time', refresh.disabled || view == 'soon' ? left + ' s' : '');
    say('refresh', /soon|expired/.test(view) ? words.fresh : words.again);
    if (problem && !problem.retryable) refresh.hidden = true;
    if (focused?.hidden) parts.close.focus();
  }
}

PROPERTIES.forEach((property, at) => {
  const name = property.replace(/[A-Z]/, '-$&');
  Object.defineProperty(TryOnButton.prototype, property, {
    get() { return at > 8 ? this.hasAttribute(name) : this.getAttribute(name) ?? undefined; },
    set(value) {
      value == null || value === false ? this.removeAttribute(name) : this.setAttribute(name, value);
    },
  });
});

// A second copy of this script finds the name taken, and leaves it at that.
customElements.get('try-on-button') || customElements.define('try-on-button', TryOnButton);
