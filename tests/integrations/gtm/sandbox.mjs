// Runs a template's own tests with stand-ins for Tag Manager's test interface, in Node. Standard input
// has the code, the permission's patterns and the scenarios; a scenario that fails ends it with its name.
import assert from 'node:assert/strict';
import { text } from 'node:stream/consumers';

const { code, patterns, scenarios } = JSON.parse(await text(process.stdin));

const allowed = url => patterns.some(pattern => pattern.endsWith('/*') && url.startsWith(pattern.slice(0, -1)));

for (const { name, code: scenario } of scenarios) {
  const called = {};
  const apis = {
    injectScript: () => {},
    logToConsole: () => {},
    queryPermission: (permission, url) => permission == 'inject_script' && allowed(url),
    gtmOnSuccess: () => {},
    gtmOnFailure: () => {},
  };
  const spied = name => (...given) => {
    (called[name] ??= []).push(given);
    return apis[name](...given);
  };
  const tools = {
    mock: (name, stand) => { apis[name] = typeof stand == 'function' ? stand : () => stand; },
    runCode: data => {
      const ended = { gtmOnSuccess: spied('gtmOnSuccess'), gtmOnFailure: spied('gtmOnFailure') };
      // As there: nothing of the page is within reach.
      new Function('require', 'data', 'window', 'document', 'globalThis', `'use strict';${code}`)(spied, { ...data, ...ended });
    },
    assertApi: name => ({
      wasCalled: () => assert(called[name], `${name} was not called`),
      wasNotCalled: () => assert(!called[name], `${name} was called`),
    }),
    assertThat: given => ({ isEqualTo: wanted => assert.equal(given, wanted) }),
  };
  try {
    new Function(...Object.keys(tools), scenario)(...Object.values(tools));
  } catch (error) {
    console.error(`${name}: ${error.message}`);
    process.exitCode = 1;
  }
}
