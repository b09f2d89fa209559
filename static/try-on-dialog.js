// What follows a press of <try-on-button>: the session, followed to its end, and the dialog that
// tells of it. Fetched, with its words, at the first sign of intent, or where this tab has a try-on
// under way. Browsers get it without comments and spaces; nothing else is changed.

const PATIENCE = 15000; // milliseconds for an answer: the vendor may take 10 s
const REFUSED = 300; // seconds: asked again, the server would say the same, or pay for it
// After these the vendor may have a session, and the server has no other answer for this click.
const UNKNOWN = /upstream_timeout|bad_upstream_reply/;

// A session never goes back in this order, whatever arrives late.
const ORDER = 'waiting opened abandoned failed expired cancelled completed';
const live = state => /waiting|opened/.test(state);
const web = url => /^https?:/.test(url);

// Seconds, by a clock that nobody sets.
const clock = () => performance.now() / 1000;

// What is seen: depth, tag, part, and the views in which it is. A part's words bear its name.
// In this order nothing that stays moves when the view changes.
const OUTLINE = `
0 span spinner creating
0 dialog dialog
1 div row
2 slot header
3 img picture
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
1 p hint waiting
1 button shop opened completed
1 div row waiting soon abandoned failed expired cancelled error
2 a here waiting soon
2 button copy waiting soon
2 button refresh soon abandoned failed expired cancelled error
2 p time
1 slot privacy`;

// What when-unavailable does to the element; no attribute that somebody may strip.
const hiding = new CSSStyleSheet();
hiding.replaceSync(':host{display:none!important}');

const sheet = new CSSStyleSheet();
sheet.replaceSync(`
:host{position:relative}
[hidden]{display:none!important}
dialog,[part=spinner]{all:initial}
[part=spinner]{position:absolute;inset:0 4px 0 auto;width:16px;height:16px;margin:auto;border:3px dotted #fff;border-radius:50%;mix-blend-mode:difference;animation:turn 2s linear infinite}
:host([theme=light]) dialog{color-scheme:light}
:host([theme=dark]) dialog{color-scheme:dark}
:host([theme=auto]) dialog{color-scheme:light dark}
dialog{position:fixed;inset:0 0 auto;box-sizing:border-box;width:600px;max-width:calc(100% - 32px);max-height:calc(100% - 9vh - 16px);overflow:auto;margin:9vh auto 0;align-content:start;gap:20px;padding:24px;border:1px solid transparent;border-radius:var(--try-on-dialog-radius,20px);background:var(--try-on-dialog-bg,Canvas);color:var(--try-on-dialog-fg,CanvasText);color-scheme:inherit;font:16px/1.4 var(--try-on-font,system-ui,sans-serif)}
dialog:not([open]){display:none}
[open]{display:grid}
::backdrop{background:var(--try-on-backdrop,#0009)}
dialog :is(button,a){justify-self:start;box-sizing:border-box;min-height:44px;padding:12px 16px;border:1px solid;border-radius:var(--try-on-radius,10px);background:none;color:inherit;font:inherit;text-decoration:none;cursor:pointer}
dialog :disabled{opacity:.5}
dialog :is([part=refresh],[part=shop]){padding:var(--try-on-padding,12px 16px);border:var(--try-on-border,1px solid transparent);background:var(--try-on-bg,CanvasText);color:var(--try-on-fg,Canvas)}
[part=row],[part=way]{display:flex;flex-wrap:wrap;gap:8px 16px;align-items:center}
h2{flex:1;font-size:20px;overflow-wrap:anywhere}
dialog [part=close]{border:0}
img{width:64px;height:48px;object-fit:contain}
h2,ol,p{margin:0}
p:empty{display:none}
ol{flex:1 1 200px;padding-inline-start:20px}
li{padding:4px}
[part=qr]{margin:auto}
svg{width:224px;height:224px;border-radius:12px;background:#fff;fill:#000;stroke:none;forced-color-adjust:none}
dialog:not(.waiting) svg{opacity:.15}
.creating svg{background:gray}
[part=status]{font-weight:600}
.completed [part=status]{font-size:24px;animation:pop .5s}
@keyframes turn{to{rotate:1turn}}
@keyframes pop{0%{scale:0}70%{scale:1.1}}
@media (prefers-reduced-motion){*{animation:none!important}}
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

export default class Dialog {
  #button;
  #now; // the try-on, as the button knows it too
  #words;
  #parts;
  #views;
  #path = draw('path');
  #svg = draw('svg', this.#path);
  #known; // the last state of the session that the page was told
  #problem;
  #end; // of a session of this page load, or of the time for which a problem holds
  #copied; // until when it is said
  #withdrawn; // hidden or disabled, since the product cannot be had
  #bare; // the page's picture cannot be had
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
    this.#equip(parts);
    this.#listen();
  }

  set words(words) {
    const { dialog, close } = this.#parts;
    this.#words = words;
    dialog.lang = words.lang;
    dialog.dir = words.dir;
    close.ariaLabel = words.close;
    this.#svg.ariaLabel = words.qr;
    this.render();
  }

  /** Whether the last answer stands, and asking again would only bring the same. */
  get holds() { return this.#now.state == 'error' && this.#left > 0; }

  get #left() { return Math.ceil(this.#end - clock()); }

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
    this.#keep(false);
    now.click = now.uuid();
    now.tell('refresh');
    await this.#settle(now.ask());
  }

  /** What is still to come of the session has nothing to say any more. */
  forget() {
    this.#now.turn++;
    this.#now.session = undefined;
    this.#stop();
  }

  /** Take up what this tab had begun, after a page load or back on the page. */
  resume(kept) {
    const now = this.#now;
    this.#listen();
    if (kept?.qr && live(kept.state) && !now.session) {
      this.#adopt(kept, kept.state);
      now.click = kept.click;
      now.become(kept.state);
    }
    this.#wake();
  }

  /** Off the page, nothing goes on. */
  rest() {
    this.#life?.abort();
    this.#life = undefined;
    this.#stop();
    this.#restore();
    this.close();
  }

  #show() {
    const { dialog } = this.#parts;
    if (this.#button.isConnected && !dialog.open) dialog.showModal();
  }

  #launch(page) {
    const { mode, isConnected } = this.#button;
    const { session, tell } = this.#now;
    if (!isConnected) return;
    tell('launch');
    if (page) page.opener = null;
    (page || window).location = mode == 'page' ? session.handoff_url : session.launch_url;
  }

  /** Take the answer to a press; whether there is a session. */
  async #settle(asked) {
    const now = this.#now;
    const { turn } = now;
    const kept = this.#keep();
    now.session = undefined;
    const answer = await Promise.race([read(asked), late()]);
    if (turn != now.turn) return false;
    if (answer.ok && answer.qr && web(answer.launch_url)) {
      this.#adopt(answer, kept?.id == answer.id ? kept.state : 'waiting');
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
    now.become(state);
    if (state != known) {
      // What was missed while the page was away is told now, in order.
      if (known == 'waiting' && /completed|abandoned|failed/.test(state)) now.tell('opened');
      if (!/abandoned|failed/.test(state)) now.tell(state);
    }
    this.#keep(live(state) && { ...now.session, state, click: now.click });
    if (live(state)) return;
    now.click = undefined;
    this.#stop();
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

  /** Server-Sent Events; while they are not open, asking every 2 to 5 seconds. */
  #follow() {
    this.#stop();
    if (!this.#button.isConnected) return;
    const { state, session } = this.#now;
    try {
      if (live(state)) this.#stream = new EventSource(session.events_url);
      this.#stream?.addEventListener('state', event => this.#take(JSON.parse(event.data)));
    } catch {
      // There is none in this browser; or WebKit throws where the page's policy forbids it.
    }
    let beat = 0;
    this.#timer = setInterval(() => {
      this.render();
      if (live(this.#now.state) && this.#stream?.readyState != 1 && !document.hidden && ++beat % Math.min(2 + beat / 9 | 0, 5) < 1) this.#ask();
    }, 1000);
  }

  #stop() {
    this.#stream?.close();
    clearInterval(this.#timer);
    this.#stream = this.#timer = undefined;
  }

  /** Read or write what this tab knows of the session; false when it has ended. */
  #keep(value) {
    const key = 'tryon:' + this.#button.productId;
    try {
      if (value == null) return JSON.parse(sessionStorage.getItem(key));
      sessionStorage.setItem(key, JSON.stringify(value));
    } catch {
      // Storage is forbidden: a reload starts anew.
    }
  }

  #adopt(session, known) {
    const { qr: { size, path }, launch_url, image_url } = session;
    const { header, here, picture } = this.#parts;
    this.#now.session = session;
    this.#known = known;
    this.#svg.setAttribute('viewBox', `0 0 ${size} ${size}`);
    this.#path.setAttribute('d', path);
    here.href = launch_url;
    here.target = this.#button.target ?? '';
    if (web(image_url) && !header.assignedElements()[0]) picture.src = image_url;
    else picture.removeAttribute('src');
  }

  #equip({ dialog, header, picture, status, error, qr, refresh, here, copy, close, shop }) {
    const button = this.#button;
    const now = this.#now;
    dialog.setAttribute('closedby', 'any');
    dialog.onclose = () => now.control.focus();
    close.append('✕');
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
    status.role = error.role = 'status';
    this.#svg.role = 'img';
    qr.append(this.#svg);
    refresh.onclick = () => now.state == 'error' ? button.open() : button.refresh();
    here.onclick = () => now.tell('launch');
    copy.onclick = () => navigator.clipboard?.writeText(now.session.handoff_url).then(() => {
      this.#copied = clock() + 2;
      this.render();
      now.tell('copy');
    }, () => {});
  }

  render() {
    const parts = this.#parts;
    const words = this.#words;
    const { state, session, boxed } = this.#now;
    const problem = state == 'error' && this.#problem;
    const left = this.#left;
    // Time left is shown near the end only, and is not announced by the second.
    const view = live(state) && !navigator.onLine ? 'offline' : state == 'waiting' && left > 0 && left < 61 ? 'soon' : state;
    const focused = this.#button.shadowRoot.activeElement;
    // Writing the same words again would have them read out again.
    const say = (name, text = '') => {
      if (parts[name].textContent != text) parts[name].textContent = text;
    };
    for (const [name, views] of Object.entries(this.#views)) {
      parts[name].hidden = views[0] && !views.includes(view);
      if (words[name] && !/qr|close|completed|copy|refresh/.test(name)) say(name, words[name]);
    }
    const { dialog, header, picture, hint, refresh } = parts;
    dialog.className = state;
    header.hidden = this.#bare;
    picture.hidden = !picture.naturalWidth;
    if (!boxed) hint.hidden = true;
    if (problem && !problem.retryable) refresh.hidden = true;
    refresh.disabled = problem && left > 0;
    say('title', dialog.ariaLabel = this.#button.productTitle || session?.title || words.label);
    say('status', words[view]);
    say('error', problem.message);
    say('copy', clock() < this.#copied ? words.copied : words.copy);
    say('refresh', /soon|expired/.test(view) ? words.fresh : words.again);
    say('time', problem.retryable && left > 0 || view == 'soon' ? left + ' s' : '');
    if (focused?.hidden) parts.close.focus();
  }
}
