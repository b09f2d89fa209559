// Looks at what a shopper has before them: the dialog, else the corner, else the page.
window.look = (() => {
  const hosts = () => [...document.querySelectorAll('try-on-button')].map(each => each.shadowRoot);
  const within = selector => hosts().map(root => root.querySelector(selector)).find(Boolean);
  const root = () => within('dialog[open]') ?? within('[part=corner]:popover-open') ?? document.body;
  const seen = each => each.checkVisibility({ visibilityProperty: true }) && !each.matches('.spoken, [part=spoken]');
  const named = node => `<${node.part?.value || node.localName || 'text'}> ${node.textContent.trim().slice(0, 40)}`;

  /** All that is seen, slotted things where they are shown, each with what is around it. */
  function* tree(node = root(), around = []) {
    if (node.nodeType == 3 ? !node.data.trim() : node.nodeType != 1 || !seen(node)) return;
    yield { node, around };
    const slotted = node.localName == 'slot' ? node.assignedNodes() : [];
    const inside = slotted.length ? slotted : (node.shadowRoot ?? node).childNodes;
    for (const each of inside) yield* tree(each, [...around, node]);
  }

  const boxes = ({ node }) => {
    const range = document.createRange();
    range.selectNodeContents(node);
    return [...(node.nodeType == 3 ? range : node).getClientRects()];
  };
  const things = () => [...tree()].map(each => ({ ...each, boxes: boxes(each) }));
  const actions = () => things().filter(({ node }) => node.matches?.('a[href], button:enabled, summary'));
  const style = node => getComputedStyle(node);
  const drawn = each => {
    const { display, overflowX, borderTopWidth, backgroundColor } = style(each);
    return !/inline$|contents/.test(display)
      && (overflowX != 'visible' || borderTopWidth != '0px' || backgroundColor != 'rgba(0, 0, 0, 0)');
  };
  const rolls = each => /auto|scroll/.test(style(each).overflowY) || each == document.body;
  const meet = (one, other) => Math.min(one.right, other.right) - Math.max(one.left, other.left) > 2
    && Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top) > 4; // letters leave some room

  /** What sticks out of the window or of what is drawn around it, and what lies on something else. */
  function crowded() {
    const found = [];
    for (const each of [document.documentElement, root()]) {
      if (each.scrollWidth > each.clientWidth + 1) found.push(`${named(each)} is to be scrolled sideways`);
    }
    const solid = things().filter(({ node }) => node.nodeType == 3 || node.matches('svg, img, button, a.button'));
    for (const { node, around, boxes } of solid) {
      for (const box of boxes) {
        if (box.left < -1 || box.right > innerWidth + 1) found.push(`${named(node)} is out of the window`);
        for (const each of around.filter(drawn)) {
          const room = each.getBoundingClientRect();
          const wide = box.left < room.left - 1 || box.right > room.right + 1;
          const high = !rolls(each) && (box.top < room.top - 2 || box.bottom > room.bottom + 2);
          if (wide || high) found.push(`${named(node)} sticks out of ${named(each)}`);
        }
      }
    }
    solid.forEach((one, at) => {
      for (const other of solid.slice(at + 1)) {
        const apart = !one.around.includes(other.node) && !other.around.includes(one.node);
        if (apart && one.boxes.some(box => other.boxes.some(next => meet(box, next)))) {
          found.push(`${named(one.node)} lies on ${named(other.node)}`);
        }
      }
    });
    return found;
  }

  /** A look at it with every word half as long again, in one direction or the other. */
  function withLongWords(look, dir) {
    const before = new Map(things().filter(({ node }) => node.nodeType == 3).map(({ node }) => [node, node.data]));
    const turned = root() == document.body ? document.documentElement : root();
    const { dir: was } = turned;
    turned.dir = dir;
    for (const [node, text] of before) {
      node.data = text.replace(/\S+/g, word => word + word.slice(0, Math.ceil(word.length / 2)));
    }
    const found = look();
    for (const [node, text] of before) node.data = text;
    turned.dir = was;
    return found;
  }

  function at({ x, y, width, height }) {
    let hit;
    for (let where = document; where; where = hit?.shadowRoot) {
      const next = where.elementFromPoint(x + width / 2, y + height / 2);
      if (next == hit) break;
      hit = next;
    }
    return hit;
  }

  /** Actions that no scrolling brings before a finger, and those that are small for one. */
  const unreachable = () => actions().flatMap(({ node }) => {
    node.scrollIntoView({ block: 'center' });
    const [box] = node.getClientRects();
    const small = box.height < 44 || box.width < 44;
    return [...node.contains(at(box)) ? [] : [`${named(node)} is not reached`], ...small ? [`${named(node)} is small`] : []];
  });

  const moving = () => [document, ...hosts()].flatMap(each => each.getAnimations()).map(each => named(each.effect.target));

  /** In forced colours: edges, signs and the focus that are not set off from what is behind them. */
  function unseen() {
    const behind = style(root()).backgroundColor;
    const found = [];
    const edged = ({ node }) => node.matches?.('dialog, [part=corner], .card, button, a.button');
    for (const { node } of things().filter(edged)) {
      const { borderTopStyle, borderTopColor } = style(node);
      if (borderTopStyle != 'solid' || borderTopColor == behind) found.push(`${named(node)} has no edge`);
    }
    for (const { node } of things().filter(({ node }) => node.matches?.('.sign path, [part=sign] path, [part=mark] path'))) {
      if (style(node).stroke == behind) found.push(`${named(node)} is not drawn`);
    }
    for (const { node } of actions()) {
      node.focus();
      const { outlineStyle, outlineWidth, outlineColor } = style(node);
      if (outlineStyle == 'none' || parseInt(outlineWidth) < 1 || outlineColor == behind) found.push(`${named(node)} has no focus`);
    }
    return found;
  }

  for (const each of document.querySelectorAll('details')) each.open = true;
  return { crowded, withLongWords, unreachable, moving, unseen };
})();
