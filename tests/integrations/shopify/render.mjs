// Renders what stands in `template` on the standard input, with `context`, as Shopify's Liquid does:
// what liquidjs lacks of it is registered here, and `words` are the extension's.
import { createHmac } from 'node:crypto';
import { text } from 'node:stream/consumers';
import { Liquid } from 'liquidjs';

const { template, context, words } = JSON.parse(await text(process.stdin));
const engine = new Liquid({ strictFilters: true, timezoneOffset: 0 });
engine.registerFilter('hmac_sha256', (value, key) => createHmac('sha256', key).update(value).digest('hex'));
engine.registerFilter('t', key => key.split('.').reduce((at, name) => at[name], words));
engine.registerTag('schema', {
  parse(token, remaining) {
    while (remaining.length && remaining.shift().name != 'endschema');
  },
  render: () => '',
});
process.stdout.write(await engine.parseAndRender(template, context));
