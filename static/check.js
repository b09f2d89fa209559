// "Check my page" of /embed reads what is pasted into it. Nothing is fetched, and nothing sent.

const form = document.getElementById('check');
const shop = JSON.parse(form.dataset.shop);
const KINDS = { bad: 'Mend', unsure: 'Look', good: 'Right', skipped: 'Not checked' };

const MARKUP = '<script type="module" src="' + shop.script + '"></script>';
const SCRIPT = /\/try-on-button(\.[0-9a-f]+)?\.js/;
// What the server takes for a product's id.
const ID = /^(?!\.+$)(?![^]*[<>"\\])[\p{L}\p{M}\p{N}\p{P}\p{S} ]{1,128}$/u;
const PLACEHOLDER = /\{\{|\{%|<\?|\$\{|%\d\$s/;
// Attributes that any element has, and those of frameworks.
const COMMON = /^(class|id|style|slot|title|hidden|dir|role|part|tabindex|nonce|state)$|^(data|aria|on|v|x|hx|wire)[-:]|^[:@#]/;
const SOURCE = /^(?:([a-z][\w+.-]*):\/\/)?(\*|(?:\*\.)?[\w.-]+|\[[\da-f:]+\])(?::(\d+|\*))?(\/.*)?$/i;
const PORTS = { 'http:': '80', 'https:': '443' };

// No template within a template: their spaces would be left out of what is served.
const code = text => '`' + String(text).replaceAll('`', 'ˋ') + '`';

function parsed(text, base) {
  try {
    return new URL(text, base);
  } catch {
    return null;
  }
}

/** All elements of a page, those in templates too. */
function find(root, selector) {
  const inner = [...root.querySelectorAll('template')].flatMap(each => find(each.content, selector));
  return [...root.querySelectorAll(selector), ...inner];
}

function read(html, policy, address) {
  const tree = new DOMParser().parseFromString(html, 'text/html'); // runs and loads nothing
  const metas = find(tree, 'meta[http-equiv="content-security-policy" i]');
  return {
    html,
    address: parsed(address),
    given: address,
    scripts: find(tree, 'script').filter(each => SCRIPT.test(each.getAttribute('src'))),
    elements: find(tree, 'try-on-button'),
    policies: [...policy.split(','), ...metas.map(each => each.content)]
      .map(text => text.replace(/^\s*content-security-policy[\w-]*:/i, '').trim())
      .filter(Boolean),
    resolve: text => parsed(text, parsed(address) ?? 'https://shop.invalid/'),
  };
}

// --- The script ---

function* ofScripts(page) {
  const { scripts, html } = page;
  if (!scripts.length && SCRIPT.test(html.replaceAll('\\/', '/'))) {
    yield ['unsure', 'No script tag loads the button, but its name is in the page: another script seems to load it, which cannot be seen from here.'];
  } else if (!scripts.length) {
    yield ['bad', `No script loads the button. Add ${code(MARKUP)}`];
  }
  if (scripts.length > 1) {
    yield ['unsure', `The script is loaded ${scripts.length} times. That does no harm, but the first version wins: keep one.`];
  }
  for (const script of scripts) yield* ofScript(script, page);
}

function* ofScript(script, page) {
  const src = script.getAttribute('src');
  const url = page.resolve(src);
  const type = (script.getAttribute('type') ?? '').trim().toLowerCase();
  if (!url) {
    yield ['bad', `The script's address cannot be read: ${code(src)}`];
    return;
  }
  if (/^(text|application)\/javascript$|^$/.test(type)) {
    yield ['bad', `The script is a module: it needs ${code('type="module"')}.`];
  } else if (type != 'module') {
    yield ['unsure', `With ${code('type="' + type + '"')} the script waits until a consent manager lets it run.`];
  }
  if (script.hasAttribute('nomodule')) yield ['bad', `With ${code('nomodule')} no browser of today loads the script.`];
  if (page.address?.protocol == 'https:' && url.protocol == 'http:') {
    yield ['bad', 'The page is https and the script http: browsers block it.'];
  }
  if (home(url) != shop.home) {
    yield ['bad', `The script comes from ${code(home(url))}, but this server is ${code(shop.home)}.`];
  } else {
    yield* ofVersion(script, url);
  }
}

/** Where the element takes its server to be, from its script's address. */
const home = url => (url.origin + url.pathname).replace(/\/(static\/)?[^/]*$/, '');

function* ofVersion(script, url) {
  const integrity = script.getAttribute('integrity');
  const pinned = /\/static\//.test(url.pathname);
  if (pinned && url.href != shop.pinned) {
    yield ['unsure', `The script is of another release than this server's, which is ${code(shop.pinned)}.`];
  }
  if (integrity && !pinned) {
    yield ['bad', `With ${code('integrity')} the address must be that of a fixed version, or the next release is blocked: ${code(shop.pinned)}`];
  }
  if (integrity && url.href == shop.pinned && !integrity.split(/\s+/).includes(shop.integrity)) {
    yield ['bad', `The ${code('integrity')} is not of this file: browsers block it. It is ${code(shop.integrity)}`];
  }
}

// --- The elements ---

function* ofElements({ elements, html, resolve }) {
  if (!elements.length) {
    yield ['bad', `There is no ${code('<try-on-button>')} in the page. If a script puts it there, paste what the browser's inspector shows.`];
  }
  if (/<try-on-button\b[^>]*\/>/.test(html)) {
    yield ['bad', `HTML knows no ${code('<try-on-button … />')}: write the end tag, or all that follows is inside the button.`];
  }
  for (const element of elements) yield* ofElement(element, resolve);
}

function* ofElement(element, resolve) {
  const id = element.getAttribute('product-id');
  if (element.parentElement?.closest('try-on-button')) {
    yield ['bad', `The ${name(id)} stands inside another: an end tag is missing.`];
  }
  yield* ofId(id);
  yield* ofCategory(element, id);
  yield* ofSignature(element, id);
  for (const attribute of element.getAttributeNames()) {
    if (!shop.attributes.includes(attribute) && !COMMON.test(attribute)) {
      yield ['unsure', `${code(attribute)} is not an attribute of the element. It has ${shop.attributes.map(code).join(', ')}.`];
    }
  }
  const endpoint = element.getAttribute('endpoint');
  if (endpoint && resolve(endpoint)?.href.replace(/\/$/, '') != shop.home) {
    yield ['bad', `The ${code('endpoint')} of the ${name(id)} is ${code(endpoint)}, but this server is ${code(shop.home)}.`];
  }
  yield* ofLink(element, id, resolve);
}

const name = id => (id ? `button of ${code(id)}` : 'button without an id');

function* ofId(id) {
  if (!id) {
    yield ['bad', `A button has no ${code('product-id')}.`];
  } else if (PLACEHOLDER.test(id)) {
    yield ['unsure', `${code(id)} is a template's word for a product. Paste the page as the browser gets it.`];
  } else if (!ID.test(id)) {
    yield ['bad', `${code(id)} cannot be a product's id: 1 to 128 printable characters without ${code('< > " \\')}, and not dots alone.`];
  } else if (id != id.trim()) {
    yield ['unsure', `The id ${code(id)} has a space at an end: is it one of the product's own?`];
  }
}

function* ofCategory(element, id) {
  const category = element.getAttribute('category');
  const offers = shop.categories.map(code).join(', ');
  if (shop.catalog) return; // it knows better than a page
  if (!category) {
    yield ['bad', `The ${name(id)} has no ${code('category')}, and there is no catalogue to take it from. This server offers ${offers}.`];
  } else if (!shop.categories.includes(category)) {
    yield ['bad', `The ${name(id)} is of the category ${code(category)}. This server offers ${offers} (${code('TRYON_CATEGORIES')}).`];
  }
}

function* ofSignature(element, id) {
  const signature = element.getAttribute('signature') ?? '';
  if (shop.signed && !/^[0-9a-f]{64}$/.test(signature)) {
    yield ['bad', `Clicks are signed here (${code('TRYON_CLICK_SECRET')}), and the ${name(id)} has no ${code('signature')} of 64 hexadecimal digits.`];
  }
}

function* ofLink(element, id, resolve) {
  const link = element.querySelector('a[href]');
  if (!link) {
    yield ['unsure', `The ${name(id)} has no link inside. Without scripts, and until the script is there, its shoppers get nothing: put ${code('<a href="…/t/…">')} into it.`];
    return;
  }
  const url = resolve(link.getAttribute('href'));
  const named = url?.href.startsWith(`${shop.home}/t/`) ? product(url) : null;
  if (named == null) {
    yield ['unsure', `The link in the ${name(id)} leads to ${code(link.getAttribute('href'))}, not to ${code(shop.home + '/t/…')}.`];
  } else if (id && named != id) {
    yield ['bad', `The link in the ${name(id)} is of another product: ${code(named)}.`];
  }
}

/** The product of a link to its try-on page. */
function product(url) {
  const path = url.pathname.slice(parsed(shop.home).pathname.replace(/\/$/, '').length + '/t/'.length);
  try {
    return path ? decodeURIComponent(path) : url.searchParams.get('product_id');
  } catch {
    return path;
  }
}

// --- The page's policy and origin ---

function* ofPolicies(page) {
  if (!page.policies.length) {
    yield ['skipped', `No policy was given. If your pages send the header ${code('Content-Security-Policy')}, paste its value.`];
  }
  for (const policy of page.policies) yield* ofPolicy(policy, page);
}

function* ofPolicy(policy, page) {
  const directives = new Map();
  for (const each of policy.split(';')) {
    const [directive, ...sources] = each.trim().split(/\s+/);
    if (!directives.has(directive.toLowerCase())) directives.set(directive.toLowerCase(), sources);
  }
  const first = (...names) => names.find(each => directives.has(each));
  const scripts = first('script-src-elem', 'script-src', 'default-src');
  for (const script of scripts ? page.scripts : []) {
    const url = page.resolve(script.getAttribute('src'));
    const sources = directives.get(scripts);
    if (url && !allowsScript(sources, script, url, page)) yield ['bad', lacks(scripts, sources, url.origin)];
  }
  if (scripts && !page.scripts.length && !allows(directives.get(scripts), parsed(shop.script), page)) {
    yield ['bad', lacks(scripts, directives.get(scripts), shop.origin)];
  }
  const connect = first('connect-src', 'default-src');
  if (connect && !allows(directives.get(connect), parsed(`${shop.home}/sessions`), page)) {
    yield ['bad', lacks(connect, directives.get(connect), shop.origin, 'connect-src')];
  }
  if (directives.has('sandbox') && !directives.get('sandbox').includes('allow-scripts')) {
    yield ['bad', `${code('sandbox')} without ${code('allow-scripts')} lets no script run.`];
  }
}

function lacks(directive, sources, origin, wanted = 'script-src') {
  if (wanted == 'script-src' && sources.includes("'strict-dynamic'")) {
    return `With ${code("'strict-dynamic'")} no host counts: give the script tag the policy's ${code('nonce')}.`;
  }
  return directive == 'default-src'
    ? `The policy has no ${code(wanted)}, and ${code('default-src')} lacks this server. Add ${code(wanted + ' ' + origin)}.`
    : `${code(directive)} lacks ${code(origin)}.`;
}

function allowsScript(sources, script, url, page) {
  const dynamic = sources.includes("'strict-dynamic'");
  // The dialog's file is imported, for which a nonce holds too, but no hash.
  const hashes = dynamic ? (script.getAttribute('integrity') ?? '').split(/\s+/) : [];
  const own = [`nonce-${script.getAttribute('nonce')}`, ...hashes].map(each => `'${each}'`);
  return sources.some(each => own.includes(each)) || (!dynamic && allows(sources, url, page));
}

function allows(sources, url, page) {
  return sources.some(source => {
    if (source == "'self'") return url.origin == page.address?.origin;
    if (/^[a-z][\w+.-]*:$/i.test(source)) return url.protocol == source.toLowerCase();
    return matches(source, url, page);
  });
}

/** Content Security Policy 3, 6.7.2.8: does a source with a host match a URL? */
function matches(source, url, page) {
  if (source == '*') return /^https?:$/.test(url.protocol);
  const [, scheme, host, port, path] = SOURCE.exec(source) ?? [];
  if (!host) return false;
  const protocol = scheme ? `${scheme.toLowerCase()}:` : page.address?.protocol ?? url.protocol;
  if (protocol != url.protocol && !(protocol == 'http:' && url.protocol == 'https:')) return false;
  const wild = host.startsWith('*.') && url.hostname.endsWith(host.slice(1).toLowerCase());
  if (host != '*' && !wild && host.toLowerCase() != url.hostname) return false;
  const is = url.port || PORTS[url.protocol];
  if (port != '*' && (port ?? PORTS[url.protocol]) != is) return false;
  return !path || path == '/' || (path.endsWith('/') ? url.pathname.startsWith(path) : url.pathname == path);
}

function* ofAddress({ address, given }) {
  if (!given) {
    yield ['skipped', 'Give the page’s address to have its origin checked.'];
  } else if (!address) {
    yield ['bad', `${code(given)} is no address. It begins with ${code('https://')}`];
  } else if (!/^https?:$/.test(address.protocol)) {
    yield ['bad', 'A page that is opened from a file has no origin, and may start no try-on: open it from a server.'];
  } else if (!shop.origins.includes(address.origin)) {
    yield ['bad', `Pages of ${code(address.origin)} may start no try-on: add it to ${code('TRYON_ALLOWED_ORIGINS')}, which has ${shop.origins.map(code).join(', ')}.`];
  }
}

// --- The box ---

const CHECKS = [
  [ofScripts, 'The script is there, as a module, and from this server.'],
  [ofElements, 'The buttons have what they need.'],
  [ofPolicies, 'The policy lets the button work.'],
  [ofAddress, 'The page’s origin may start a try-on.'],
];

function check(page) {
  return CHECKS.flatMap(([look, praise]) => {
    const found = [...look(page)];
    return found.length ? found : [['good', praise]];
  });
}

function item([kind, text]) {
  const line = document.createElement('li');
  const label = document.createElement('strong');
  line.className = kind;
  label.textContent = KINDS[kind];
  const parts = text.split('`').map((part, at) => {
    if (at % 2 == 0) return part;
    const piece = document.createElement('code');
    piece.textContent = part;
    return piece;
  });
  const words = document.createElement('span');
  words.append(...parts);
  line.append(label, words);
  return line;
}

form.addEventListener('submit', event => {
  event.preventDefault();
  const [html, policy, address] = ['html', 'policy', 'address'].map(each => form.elements[each].value);
  const found = check(read(html, policy, address));
  const wrong = found.filter(([kind]) => kind == 'bad').length;
  form.querySelector('output').textContent = wrong ? `${wrong} to mend` : 'Nothing to mend';
  document.getElementById('found').replaceChildren(...found.map(item));
});
form.hidden = false;
