// Google Tag Manager, as far as the container asks for it: three kinds of triggers, two of variables,
// two of tags. What would go to Google Analytics is kept in `hits`.

window.hits = [];

window.startContainer = ({ tag: tags, trigger: triggers, variable: variables }) => {
  const model = {};
  const parameter = ({ parameter }, key) => parameter.find(each => each.key == key)?.value;

  const kinds = {
    c: variable => parameter(variable, 'value'),
    v: variable => model[parameter(variable, 'name')],
  };
  const named = name => {
    if (name == '_event') return model.event;
    const variable = variables.find(each => each.name == name);
    return kinds[variable.type](variable);
  };
  const filled = text => /^{{[^}]+}}$/.test(text)
    ? named(text.slice(2, -2))
    : text.replace(/{{([^}]+)}}/g, (_, name) => named(name));

  const ALL_PAGES = '2147479553';
  const filters = {
    MATCH_REGEX: (given, wanted) => RegExp(wanted).test(given),
    EQUALS: (given, wanted) => given == wanted,
  };
  const fires = id => {
    if (id == ALL_PAGES) return model.event == 'gtm.js';
    const { type, customEventFilter } = triggers.find(each => each.triggerId == id);
    return type == 'CUSTOM_EVENT' && customEventFilter.every(filter =>
      filters[filter.type](filled(parameter(filter, 'arg0')), parameter(filter, 'arg1')));
  };

  const run = {
    html: tag => document.body.append(document.createRange().createContextualFragment(filled(parameter(tag, 'html')))),
    gaawe: tag => {
      const settings = tag.parameter.find(each => each.key == 'eventSettingsTable').list;
      const filledIn = settings.map(({ map }) => map.map(each => filled(each.value)));
      hits.push([filled(parameter(tag, 'eventName')), filled(parameter(tag, 'measurementIdOverride')), Object.fromEntries(filledIn)]);
    },
  };

  const take = pushed => {
    Object.assign(model, pushed);
    for (const tag of tags) if (tag.firingTriggerId.some(fires)) run[tag.type](tag);
  };
  const layer = window.dataLayer ||= [];
  const push = layer.push.bind(layer);
  layer.push = (...pushed) => {
    pushed.forEach(take);
    return push(...pushed);
  };
  layer.push({ event: 'gtm.js' });
};
