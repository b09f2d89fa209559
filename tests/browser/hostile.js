// Every property that a child takes from its parent, with a value that it does not begin with.
() => {
  const values = ['hidden', 'none', 'white', 'rtl', 'vertical-rl', 'uppercase', 'all', 'wait', 'inside', 'collapse', 'pre',
    'break-all', 'end', 'center', 'italic', '900', '100px', '100px 100px', '7', '0', '300%', 'upright', 'evenodd', 'round',
    'under', 'small-caps', 'crisp-edges', 'optimizespeed', '"x"', 'square', 'over', 'ruby', 'monospace', 'auto', 'always',
    'both', 'normal', 'manual', 'hide', 'bottom', 'inert', 'dark', 'red', 'middle', 'flat', 'exact', 'linearrgb', 'strict', 'anywhere', 'balance', '2 2', 'from-font', 'geometricprecision', 'subpixel-antialiased', '1 1', 'first allow-end', 'stretch', 'preserve', 'nowrap'];
  const child = document.createElement('i');
  const parent = document.createElement('div');
  parent.append(child);
  document.body.append(parent);
  const computed = getComputedStyle(child);
  const found = {};
  for (const name of [...computed].filter(name => name != 'color-scheme')) {
    const before = computed.getPropertyValue(name);
    for (const value of values) {
      parent.style.setProperty(name, value);
      if (computed.getPropertyValue(name) != before && !(name in found)) found[name] = value;
      parent.style.cssText = '';
    }
  }
  parent.remove();
  return found;
}
