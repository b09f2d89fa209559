// What follows a press of <try-on-button>: the session, followed to its end, and the dialog that
// tells of it. Fetched, with its words, at the first sign of intent, or where this tab has a try-on
// under way. Browsers get it without comments and spaces; nothing else is changed.

const PATIENCE = 15000; // milliseconds for an answer: the vendor may take 10 s
const REFUSED = 300; // seconds: asked again, the server would say the same, or pay for it
// After these the vendor may have a session, and the server has no other answer for this click.
const UNKNOWN = /upstream_timeout|bad_upstream_reply/;

// A session never goes back in this order, whatever arrives late.
const ORDER = 'waiting opened expired cancelled ended abandoned failed completed';
const live = state => /waiting|opened/.test(state);
const web = url => /^https?:/.test(url);

// Seconds, by a clock that nobody sets.
const clock = () => performance.now() / 1000;
// Of a stream: it says the state at once, and something every 20 seconds. One that is open and silent
// for longer is held back on its way.
const SILENT = 30;

// What a button of no product finds: the try-on that another page of this tab has left under way.
const LEFT = 'tryon:undefined';

// What is seen: depth, tag, part, and the views in which it is. A part's words bear its name.
// The plan keeps its place where a sign is seen instead, so that nothing that stays moves when the
// view changes.
const OUTLINE = `
0 span spinner creating
0 dialog dialog
1 button close
1 div row
2 slot header
2 img picture
2 p title
1 div stage
2 div sign opened completed abandoned failed ended expired cancelled error
2 div plan
3 h2 head
3 div way
4 ol steps
5 li step1
5 li step2
5 li step3
4 div qr
1 div status
2 span word
2 span error
1 p time
1 p hint waiting
1 slot completed completed
1 div foot
2 button cart completed
2 button shop opened code completed
2 div ways creating waiting soon offline code
3 a here
3 button copy
2 button refresh soon code abandoned failed ended expired cancelled error
2 div more opened code completed
3 button code opened
3 details help opened code
4 summary trouble
4 p advice
3 button anew completed
3 a back completed
2 slot privacy creating waiting offline
1 span spoken`;

// In the page's corner, while the dialog is closed.
const CORNER = `
0 div corner
1 div mark
1 div text
2 p about
2 p news
1 div acts
2 button show
2 button dismiss`;

// The signs of the pages around the button.
const SIGNS = {
  opened: 'M14 10a4 4 0 0 1 4-4h12a4 4 0 0 1 4 4v28a4 4 0 0 1-4 4H18a4 4 0 0 1-4-4zM22 37h4',
  completed: 'M4 24a20 20 0 1 0 40 0 20 20 0 1 0-40 0M15 25l6 6 13-13',
  other: 'M4 24a20 20 0 1 0 40 0 20 20 0 1 0-40 0M24 14v13M24 33v1',
};

// What when-unavailable does to the element; no attribute that somebody may strip.
const hiding = new CSSStyleSheet();
hiding.replaceSync(':host{display:none!important}');

const sheet = new CSSStyleSheet();
sheet.replaceSync(`
:host{position:relative}
[hidden]{display:none!important}
dialog,[part=spinner],[part=corner]{all:initial}
[part=spinner]{position:absolute;inset:0 4px 0 auto;width:16px;height:16px;margin:auto;border:3px dotted #fff;border-radius:50%;mix-blend-mode:difference;animation:turn 2s linear infinite}
:host([theme=light]) :is(dialog,[part=corner]){color-scheme:light}
:host([theme=dark]) :is(dialog,[part=corner]){color-scheme:dark}
:host([theme=auto]) :is(dialog,[part=corner]){color-scheme:light dark}
dialog,[part=corner]{position:fixed;box-sizing:border-box;overflow:auto;border:1px solid transparent;border-radius:var(--try-on-dialog-radius,20px);background:var(--try-on-dialog-bg,Canvas);color:var(--try-on-dialog-fg,CanvasText);color-scheme:inherit;scrollbar-width:thin;scrollbar-color:#888 transparent;font:16px/1.4 var(--try-on-font,system-ui,sans-serif);text-wrap:balance}
dialog{inset:0 0 auto;width:560px;max-width:calc(100% - 32px);min-height:min(608px,100% - 32px);max-height:calc(100% - 16px - var(--top));margin:var(--top) auto 0;--top:max(16px,50vh - 304px);padding:16px 24px 24px;gap:16px;display:flex;flex-direction:column;align-items:center;text-align:center}
dialog:not([open]){display:none}
:is(dialog,[part=foot])>*{flex:none}
dialog::backdrop{background:var(--try-on-backdrop,#0009)}
[part=corner]{bottom:16px;inset-inline-end:16px;z-index:2147483647;display:flex;flex-wrap:wrap;align-items:center;justify-content:end;gap:8px;max-width:min(384px,100% - 32px);max-height:calc(100% - 32px);margin:0;padding:8px 8px 8px 16px;border-color:#8886;box-shadow:0 8px 32px #0004}
[part=text]{flex:1 1 176px;overflow-wrap:anywhere;font-size:15px}
[part=mark]{flex:none;width:28px}
:where(dialog,[part=corner]) :is(button,a,summary){box-sizing:border-box;min-width:44px;min-height:44px;padding:10px 20px;border:1px solid;border-radius:var(--try-on-radius,10px);background:none;color:inherit;font:inherit;font-weight:600;text-decoration:none;cursor:pointer}
dialog :disabled{opacity:.5}
:is([part=cart],[part=shop],[part=refresh],[part=show]){padding:var(--try-on-padding,10px 20px);border:var(--try-on-border,1px solid transparent);background:var(--try-on-bg,CanvasText);color:var(--try-on-fg,Canvas)}
:is([part=close],[part=dismiss],[part=code],[part=anew],[part=back],summary){padding:10px;border-color:transparent;font-weight:500}
:is([part=code],[part=anew],[part=back],summary){text-decoration:underline}
[part=spoken]{position:absolute;clip-path:inset(50%)}
:is([part=close],[part=dismiss]):before{content:"✕";content:"✕"/""}
dialog [part=close]{position:absolute;top:8px;inset-inline-end:8px}
[part=stage]{display:grid;width:100%}
.code ol{display:none}
[part=stage]>*{grid-area:1/1}
[part=plan]{display:grid;gap:16px}
dialog:not(.creating,.waiting,.code) [part=plan]{visibility:hidden}
[part=foot]{display:flex;flex-direction:column;gap:12px;align-items:center;width:100%;min-height:108px;margin-top:auto}
[part=acts]{display:flex}
[part=more]{width:100%}
[part=row],[part=ways],[part=more],[part=way]{display:flex;flex-wrap:wrap;gap:8px 16px;align-items:center;justify-content:center}
[part=title]{font-weight:600;overflow-wrap:anywhere}
[part=close]+[part=row]{min-height:44px;margin-inline:32px}
[part=about]{font-weight:600}
img{width:64px;height:48px;object-fit:contain}
h2,ol,p{margin:0}
h2{font-size:24px;line-height:1.2}
p:empty{display:none}
[part=way]{gap:16px 32px;width:100%}
ol{flex:1 1 208px;padding:0;list-style:none;counter-reset:n;text-align:start}
li{display:flex;gap:12px;padding:6px}
li:before{counter-increment:n;content:counter(n);flex:none;width:24px;height:24px;border-radius:50%;background:#8883;font-size:14px;line-height:24px;text-align:center}
[part=qr] svg{display:block;width:224px;height:224px;border:1px solid #8886;border-radius:16px;background:#fff;fill:#000;stroke:none;forced-color-adjust:none}
.creating [part=qr] svg{background:#8882;fill:#0000}
.creating :is([part=here],[part=copy]){visibility:hidden}
[part=sign]{place-self:center;width:96px}
:is([part=sign],[part=mark]){fill:none;stroke:currentColor;stroke-width:2.5;stroke-linecap:round;stroke-linejoin:round}
.opened :is([part=sign],[part=mark]),.waiting [part=status]:before{animation:pulse 2s ease-in-out infinite}
[part=status]{width:100%;font-weight:600}
.waiting [part=status]:before{content:"";display:inline-block;width:10px;height:10px;margin-inline-end:10px;border-radius:50%;background:currentColor}
dialog:not(.creating,.waiting) [part=status]{font-size:24px;line-height:1.25}
dialog.opened [part=refresh],[part=cart]:not([hidden])~[part=shop]{border:1px solid;background:none;color:inherit}
.completed [part=sign]{animation:pop .5s}
details[open]{width:100%}
summary{display:inline-block;list-style:none}
[part=privacy],[part=time],[part=hint]{font-size:14px;opacity:.8}
@keyframes turn{to{rotate:1turn}}
@keyframes pulse{50%{opacity:.3}}
@keyframes pop{0%{scale:0}70%{scale:1.1}}
@media (prefers-reduced-motion){*,:before{animation:none!important}}
@media (max-width:560px){dialog{--top:16px;min-height:calc(100% - 32px)}[part=foot]{min-height:154px}dialog:not(.creating,.waiting) [part=status]{font-size:20px}}
@media (max-width:374px),(max-height:699px){dialog:not(.creating,.waiting,.code) [part=plan]{display:none}dialog:not(.creating,.waiting,.code) [part=stage]{flex:1 0 auto}}
@media (forced-colors:active){.waiting [part=status]:before{background:Highlight;forced-color-adjust:none}}
`);

const draw = (tag, ...inside) => {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  element.append(...inside);
  return element;
};

/** Build what an outline says; its parts, and the views of each, by name. */
const build = (outline, root) => {
  const parts = {};
  const views = {};
  const above = [root];
  for (const line of outline.trim().split('\n')) {
    const [depth, tag, name, ...seen] = line.split(' ');
    const element = document.createElement(tag);
    element.part = name;
    if (tag == 'slot') element.name = name;
    above[depth].append(element);
    above[+depth + 1] = parts[name] = element;
    views[name] = seen;
  }
  return { parts, views };
};

/** The members of an answer to come, and its status; without any, that there was no connection. */
const read = async asked => {
  const answer = await asked;
  try {
    return { ...await answer.json(), ok: answer.ok, status: answer.status };
  } catch {
    return { code: 'network', retryable: true, status: answer?.status ?? 0 };
  }
};
const late = () => new Promise(resolve => {
  setTimeout(resolve, PATIENCE, { code: 'network', retryable: true, status: 0 });
});

// Writing the same words again would have them read out again.
const say = (element, text = '') => {
  if (element.textContent != text) element.textContent = text;
};

const find = selector => {
  try {
    return document.querySelector(selector);
  } catch {
    // It is no selector.
  }
};

// Sessions whose end was read, or whose corner was sent away: by any button of this page.
const settled = new Set();
// The dialog whose corner is seen: there is one on a page.
let teller;

// The session of a dialog that was open when the page took its element away: an element of its product
// that the page has put there instead, or the same one in another place, shows it again.
let heirloom;

const successor = product => find(`try-on-button[product-id="${CSS.escape(product)}"]`);

/** A button that is not to be seen follows, in the page's corner, what another one has begun. */
let stand;
const linger = ({ product_id, button }) => {
  if (successor(product_id)) return;
  const link = document.createElement('a');
  link.hidden = true;
  stand = Object.assign(document.createElement('try-on-button'), button, { productId: product_id });
  stand.style.position = 'fixed';
  stand.append(link);
  document.body.append(stand);
};

export default class Dialog {
  #button;
  #now; // the try-on, as the button knows it too
  #words;
  #parts;
  #views;
  #corner;
  #path = draw('path');
  #svg = draw('svg', this.#path);
  #signs = [draw('path'), draw('path')];
  #known; // the last state of the session that the page was told
  #problem;
  #end; // of a session of this page load, or of the time for which a problem holds
  #copied; // until when it is said
  #withdrawn; // hidden or disabled, since the product cannot be had
  #bare; // the page's picture cannot be had
  #recalled; // the code is shown again
  #record; // what this tab keeps of it
  #here; // it was launched on this device
  #heard; // when the stream said something
  #stream;
  #timer;
  #life;

  constructor(button, now) {
    const root = button.shadowRoot;
    this.#button = button;
    this.#now = now;
    root.adoptedStyleSheets.push(sheet);
    const { parts, views } = build(OUTLINE, root);
    this.#parts = parts;
    this.#views = views;
    this.#corner = build(CORNER, root).parts;
    this.#equip(parts);
    this.#furnish(this.#corner);
    this.#listen();
  }

  set words(words) {
    const { dialog, close } = this.#parts;
    const { corner, dismiss } = this.#corner;
    this.#words = words;
    dialog.lang = corner.lang = words.lang;
    dialog.dir = corner.dir = words.dir;
    close.ariaLabel = dismiss.ariaLabel = words.close;
    this.#svg.ariaLabel = words.qr;
    this.render();
  }

  /** Whether a press only shows what is known: a result, or a refusal that would be the same. */
  get holds() {
    const { state } = this.#now;
    return state == 'completed' || state == 'error' && this.#left > 0;
  }

  get #left() { return Math.ceil(this.#end - clock()); }

  get #title() { return this.#button.productTitle || this.#now.session?.title; }

  get #view() {
    const { state } = this.#now;
    if (live(state) && !navigator.onLine) return 'offline';
    // Time left is shown near the end only, and is not announced by the second.
    if (state == 'waiting' && this.#left > 0 && this.#left < 61) return 'soon';
    return state == 'opened' && this.#recalled ? 'code' : state;
  }

  /** Whether the corner tells of it, on this page and the next ones: the phone is on it, or it is
   * done and nobody has seen it yet. */
  get #lingers() {
    const { state } = this.#now;
    const tells = state == 'completed' || state == 'opened' && !this.#here;
    return tells && !settled.has(this.#now.session?.id) && this.#button.getAttribute('status') != 'none';
  }

  /** Follow a press: show the dialog; or, `away`, leave for the try-on, in a window if `page` is
   * one. `asked` is the answer to come, where the press asked for a session. */
  async open(asked, away, page) {
    if (!away || this.holds) this.#show();
    if (!asked) return;
    if (await this.#settle(asked)) {
      if (away) this.#launch(page);
    } else {
      page?.close();
      if (this.#now.state == 'error' && !this.#withdrawn) this.#show();
    }
  }

  close() { this.#parts.dialog.close(); }

  async cancel() {
    if (live(this.#now.state)) await this.#ask('/cancel', { method: 'POST' });
  }

  async refresh() {
    const now = this.#now;
    this.cancel();
    this.forget();
    now.click = now.uuid();
    now.tell('refresh');
    await this.#settle(now.ask());
  }

  /** What is still to come of the session has nothing to say any more. */
  forget() {
    this.#now.turn++;
    this.#now.session = undefined;
    this.#stop();
    this.#keep(false);
  }

  /** Take up what this tab had begun, after a page load or back on the page. */
  resume(kept) {
    const now = this.#now;
    const button = this.#button;
    if (!button.isConnected) return linger(kept);
    if (stand?.productId == button.productId && stand != button) stand.remove();
    this.#listen();
    const inherits = kept?.id && kept.id == heirloom;
    if (kept?.qr && (inherits || /waiting|opened|completed/.test(kept.state)) && !now.session) {
      this.#adopt(kept, kept.state);
      now.click = kept.click;
      now.become(kept.state);
    }
    if (inherits) {
      heirloom = undefined;
      this.#show();
    }
    this.#wake();
  }

  /** Off the page, or with another product, nothing goes on; a phone that is on it is followed in the
   * corner, and what is open goes over to the element in this one's place, if this one is `gone`. */
  rest(gone) {
    const record = this.#lingers && this.#record;
    if (gone && this.#parts.dialog.open && this.#now.session) this.#bequeath();
    this.#life?.abort();
    this.#life = undefined;
    this.#stop();
    this.#restore();
    this.close();
    this.#renderCorner();
    if (record) setTimeout(linger, 0, record);
  }

  /** Leave the open dialog to the element that the page has put there by the end of this turn. */
  #bequeath() {
    this.#keep();
    heirloom = this.#now.session.id;
    setTimeout(() => {
      if (successor(this.#button.productId)) return;
      heirloom = undefined;
      this.#keep(live(this.#now.state) || this.#lingers);
    });
  }

  #show() {
    const { dialog, cart, shop, refresh } = this.#parts;
    if (!this.#button.isConnected || dialog.open) return;
    dialog.showModal();
    this.#see();
    this.render();
    [cart, shop, refresh].find(each => !each.hidden && !each.disabled)?.focus();
  }

  #launch(page) {
    const { mode, isConnected } = this.#button;
    const { session, tell } = this.#now;
    if (!isConnected) return;
    this.#leave();
    if (page) page.opener = null;
    (page || window).location = mode == 'page' ? session.handoff_url : session.launch_url;
  }

  /** For the try-on, on this device. */
  #leave() {
    this.#here = true;
    this.#keep();
    this.#now.tell('launch');
  }

  /** Take the answer to a press; whether there is a session. */
  async #settle(asked) {
    const now = this.#now;
    const { turn } = now;
    const kept = this.#kept;
    now.session = undefined;
    const answer = await Promise.race([read(asked), late()]);
    if (turn != now.turn) return false;
    if (answer.ok && answer.qr && web(answer.launch_url)) {
      const { state = 'waiting', here } = kept?.id == answer.id ? kept : {};
      this.#adopt({ ...answer, here }, state);
      this.#end = clock() + answer.expires_in;
      now.tell('created');
      this.#take(answer);
      this.#follow();
      return true;
    }
    if (web(answer.challenge_url)) {
      now.become('idle');
      this.close();
      location = answer.challenge_url;
    } else {
      this.#fail(answer);
    }
    return false;
  }

  #fail({ code = 'bad_reply', status, retryable = false, message, detail, retry_after }) {
    const now = this.#now;
    message ??= code == 'network' ? this.#words.net : this.#words.no;
    this.#problem = { code, status, retryable, message };
    this.#end = clock() + (retry_after ?? (retryable ? 0 : REFUSED));
    now.become('error');
    now.tell('error', this.#problem);
    if (!retryable) this.#refuse(code, detail);
    // The next press is a new click, after this one.
    if (UNKNOWN.test(code)) now.click += '-';
    if (!status) now.beacon({ name: 'error', id: now.uuid(), code });
    this.#follow();
  }

  /** Tell the page's developer why; the shopper as the page wants it. */
  #refuse(code, detail = '') {
    const button = this.#button;
    const { whenUnavailable: wish, productId } = button;
    console.warn(`<try-on-button product-id="${productId}"> ${code}: ${detail}`);
    this.#withdrawn = /^(hide|disable)$/.test(wish);
    if (wish == 'hide') button.shadowRoot.adoptedStyleSheets.push(hiding);
    if (wish == 'disable') button.disabled = true;
    if (this.#withdrawn) this.close();
  }

  #restore() {
    const { shadowRoot } = this.#button;
    if (!this.#withdrawn) return;
    this.#withdrawn = false;
    this.#button.disabled = false;
    shadowRoot.adoptedStyleSheets = shadowRoot.adoptedStyleSheets.filter(each => each != hiding);
  }

  /** The server's word on the session, whichever way it came. */
  #take({ state }) {
    const now = this.#now;
    const known = this.#known;
    if (ORDER.indexOf(state) < ORDER.indexOf(known)) return;
    this.#known = state;
    if (state != known) this.#recalled = false;
    now.become(state);
    if (state != known) {
      // What was missed while the page was away is told now, in order.
      if (known == 'waiting' && /completed|abandoned|failed|ended/.test(state)) now.tell('opened');
      if (!/abandoned|failed|ended/.test(state)) now.tell(state);
    }
    if (!live(state)) {
      now.click = undefined;
      this.#stop();
    }
    this.#keep(live(state) || this.#lingers);
    this.#see();
    this.render();
  }

  /** What is read in the dialog is no news any more. */
  #see() {
    if (this.#now.state != 'completed' || !this.#parts.dialog.open) return;
    settled.add(this.#now.session.id);
    this.#keep(false);
  }

  async #ask(path = '', options) {
    const { session, turn } = this.#now;
    try {
      const answer = await fetch(session.status_url + path, options);
      const body = answer.status == 404 ? { state: 'expired' } : await answer.json();
      if (turn == this.#now.turn && body.state) this.#take(body);
    } catch {
      // Offline: the next turn asks again.
    }
  }

  #listen() {
    if (this.#life || !this.#button.isConnected) return;
    this.#life = new AbortController();
    for (const name of ['pageshow', 'pagehide', 'visibilitychange']) {
      addEventListener(name, () => this.#wake(name), this.#life);
    }
  }

  #wake(name) {
    this.render();
    if (name == 'pagehide') this.#stop();
    else if (live(this.#now.state) && !document.hidden) {
      this.#ask();
      if (!this.#timer) this.#follow();
    }
  }

  /** Server-Sent Events; while they are not open, or say nothing, asking every 2 to 5 seconds. */
  #follow() {
    this.#stop();
    if (!this.#button.isConnected) return;
    const { state, session } = this.#now;
    try {
      if (live(state)) this.#stream = new EventSource(session.events_url);
      for (const name of ['state', 'beat']) {
        this.#stream?.addEventListener(name, ({ data }) => {
          this.#heard = clock();
          if (data) this.#take(JSON.parse(data));
        });
      }
    } catch {
      // There is none in this browser; or WebKit throws where the page's policy forbids it.
    }
    let beat = 0;
    this.#timer = setInterval(() => {
      this.render();
      const hears = this.#stream?.readyState == 1 && clock() - this.#heard < SILENT;
      if (live(this.#now.state) && !hears && !document.hidden && ++beat % Math.min(2 + beat / 9 | 0, 5) < 1) this.#ask();
    }, 1000);
  }

  #stop() {
    this.#stream?.close();
    clearInterval(this.#timer);
    this.#stream = this.#timer = this.#heard = undefined;
  }

  get #kept() {
    try {
      return JSON.parse(sessionStorage.getItem('tryon:' + this.#button.productId));
    } catch {
      // Storage is forbidden: a reload starts anew.
    }
  }

  /** Write down, for this tab, what goes on: for this product, and for the corners of other pages. */
  #keep(on = true) {
    const { productId, productTitle, category, reference, endpoint, theme, datalayer } = this.#button;
    const { session, state, click } = this.#now;
    this.#record = on && {
      ...session,
      product_id: productId,
      state,
      click,
      here: this.#here,
      page: session.page ?? location.href,
      button: { productTitle, category, reference, endpoint, theme, datalayer },
    };
    const kept = JSON.stringify(this.#record);
    try {
      sessionStorage.setItem('tryon:' + productId, kept);
      sessionStorage.setItem(LEFT, this.#lingers && kept);
    } catch {
      // The same.
    }
  }

  #adopt(session, known) {
    const { qr: { size, path }, launch_url, image_url, here: launched, page } = session;
    const { header, here, picture, back } = this.#parts;
    this.#now.session = session;
    this.#known = known;
    this.#here = launched;
    this.#recalled = false;
    this.#svg.setAttribute('viewBox', `0 0 ${size} ${size}`);
    this.#path.setAttribute('d', path);
    here.href = launch_url;
    here.target = this.#button.target ?? '';
    if (web(page)) back.href = page;
    if (web(image_url) && !header.assignedElements()[0]) picture.src = image_url;
    else picture.removeAttribute('src');
  }

  #equip({ dialog, header, picture, sign, status, spoken, qr, refresh, here, copy, close, shop, cart, anew, code }) {
    const button = this.#button;
    const now = this.#now;
    dialog.setAttribute('closedby', 'any');
    dialog.onclose = () => {
      now.control.focus();
      this.render();
    };
    close.onclick = shop.onclick = () => this.close();
    // A picture that the page's policy forbids, or that is gone, leaves no broken frame.
    picture.alt = '';
    picture.onload = () => this.render();
    header.onslotchange = () => {
      this.#bare = false;
      for (const each of header.assignedElements()) each.decode?.().catch(() => {
        this.#bare = true;
        this.render();
      });
    };
    status.role = spoken.role = 'status';
    this.#svg.role = 'img';
    qr.append(this.#svg);
    this.#sign(sign, 0);
    code.onclick = () => {
      this.#recalled = true;
      this.render();
    };
    cart.onclick = () => {
      this.close();
      find(button.getAttribute('add-to-cart')).click();
    };
    anew.onclick = () => {
      this.forget();
      now.become('idle');
      button.open();
    };
    refresh.onclick = () => now.state == 'error' ? button.open() : button.refresh();
    here.onclick = () => this.#leave();
    copy.onclick = () => navigator.clipboard?.writeText(now.session.handoff_url).then(() => {
      this.#copied = clock() + 2;
      this.render();
      now.tell('copy');
    }, () => {});
  }

  #furnish({ corner, mark, news, show, dismiss }) {
    corner.popover = 'manual'; // above all of the page, and where nothing clips it
    news.role = 'status';
    this.#sign(mark, 1);
    dismiss.onclick = () => {
      settled.add(this.#now.session.id);
      this.#keep(live(this.#now.state));
      this.render();
    };
    show.onclick = () => this.#show();
  }

  #sign(place, at) {
    const svg = draw('svg', this.#signs[at]);
    svg.setAttribute('viewBox', '0 0 48 48');
    svg.ariaHidden = true;
    place.append(svg);
  }

  render() {
    const parts = this.#parts;
    const words = this.#words;
    const button = this.#button;
    const { state, boxed } = this.#now;
    const problem = state == 'error' && this.#problem;
    const left = this.#left;
    const view = this.#view;
    const focused = button.shadowRoot.activeElement;
    for (const [name, views] of Object.entries(this.#views)) {
      parts[name].hidden = views[0] && !views.includes(view);
      if (words[name] && !/qr|close|completed|copy|refresh/.test(name)) say(parts[name], words[name]);
    }
    const { dialog, header, picture, hint, refresh, cart, back } = parts;
    const title = this.#title;
    const seconds = () => new Intl.RelativeTimeFormat(words.lang).format(left, 'second');
    dialog.className = state + ' ' + view;
    for (const sign of this.#signs) sign.setAttribute('d', SIGNS[state] ?? SIGNS.other);
    header.hidden = this.#bare;
    picture.hidden = !picture.naturalWidth;
    if (!boxed) hint.hidden = true;
    if (button != stand) back.hidden = true;
    if (!find(button.getAttribute('add-to-cart'))) cart.hidden = true;
    if (problem && !problem.retryable) refresh.hidden = true;
    refresh.disabled = problem && left > 0;
    dialog.ariaLabel = words.label + (title ? ': ' + title : '');
    say(parts.title, title);
    say(parts.word, words[view == 'code' ? 'opened' : view]);
    say(parts.error, problem.message);
    const copied = clock() < this.#copied ? words.copied : '';
    say(parts.copy, copied || words.copy);
    say(parts.spoken, copied);
    say(refresh, /soon|code|expired/.test(view) ? words.fresh : words.again);
    say(parts.time, problem.retryable && left > 0 || view == 'soon' ? seconds() : '');
    if (focused?.closest('[hidden]')) parts.close.focus();
    this.#renderCorner();
  }

  #renderCorner() {
    const { corner, about, news, show } = this.#corner;
    const { isConnected } = this.#button;
    const { state } = this.#now;
    const words = this.#words;
    const tells = this.#lingers && isConnected && !this.#parts.dialog.open;
    if (tells) teller ??= this;
    else if (teller == this) teller = undefined;
    corner.hidden = teller != this;
    corner.className = state;
    if (isConnected) corner.togglePopover?.(!corner.hidden);
    say(about, this.#title);
    say(news, corner.hidden ? '' : words[state]);
    say(show, words.show);
  }
}
