// The handoff page, live: when the state changes, the server's own page is fetched again and its
// card put in place of the old one. Without this script the page refreshes itself.

const card = () => document.getElementById('handoff');
const ended = () => !/waiting|opened/.test(card().dataset.state);
const say = text => { document.getElementById('spoken').textContent = text; };

// The server says something every 20 seconds at least, and the state at once. A stream that is open
// but silent is held back on its way: then the page asks, as it does without one.
const SILENT_MS = 30000;

let stream;
let heard = -SILENT_MS;

const hear = () => { heard = performance.now(); };
const heardOf = () => stream?.readyState === 1 && performance.now() - heard < SILENT_MS;

async function redraw(state) {
  if (state === card().dataset.state) return;
  const answer = await fetch(location.href, { headers: { Accept: 'text/html' } });
  const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
  const fresh = page.getElementById('handoff');
  if (!fresh) return;
  const focused = card().contains(document.activeElement);
  card().replaceWith(document.adoptNode(fresh));
  const heading = card().querySelector('h1');
  heading.tabIndex = -1;
  // What gets the focus is read out already.
  if (focused) heading.focus();
  else say(heading.textContent);
  prepare();
  if (ended()) stream?.close();
}

async function ask() {
  try {
    const answer = await fetch(card().dataset.status);
    await redraw(answer.ok ? (await answer.json()).state : 'expired');
  } catch {
    // Offline: the next turn asks again.
  }
}

/** Ask every 2 to 5 seconds while the stream tells nothing, and never while hidden. */
function poll(delay) {
  setTimeout(async () => {
    if (ended()) return;
    if (heardOf()) delay = 2000;
    else if (!document.hidden) await ask();
    poll(Math.min(delay * 1.25, 5000));
  }, delay);
}

function prepare() {
  for (const button of document.querySelectorAll('[data-copy]')) {
    const label = button.textContent;
    button.hidden = !navigator.clipboard;
    button.onclick = async () => {
      await navigator.clipboard.writeText(button.dataset.copy);
      button.textContent = button.dataset.copied;
      say(button.dataset.copied);
      setTimeout(() => { button.textContent = label; }, 2000);
    };
  }
}

prepare();
if (!ended()) {
  if (window.EventSource) {
    stream = new EventSource(card().dataset.events);
    stream.addEventListener('beat', hear);
    stream.addEventListener('state', event => {
      hear();
      redraw(JSON.parse(event.data).state);
    });
  }
  poll(2000);
  addEventListener('pageshow', event => event.persisted && ask());
  document.addEventListener('visibilitychange', () => !document.hidden && ask());
}
