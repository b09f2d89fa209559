'use strict';
// The Node version: Express and the built-in fetch, which keeps its connections open.
const express = require('express');

const { VENDOR_URL, VENDOR_TOKEN, CALLBACK_URL } = process.env;

require('./cluster')(() => {
  const app = express().disable('x-powered-by').use(express.json());

  app.post('/sessions', async (req, res) => {
    const { product_id, category } = req.body;
    const reply = await fetch(`${VENDOR_URL}/sessions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${VENDOR_TOKEN}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        product_id, category, experience: 'browser', callback_url: CALLBACK_URL, locale: 'en-US',
      }),
      signal: AbortSignal.timeout(8000),
    });
    if (!reply.ok) return res.status(502).json({ error: 'upstream_error' });
    const { id, launch_url } = await reply.json();
    return res.status(201).json({ id, launch_url });
  });

  app.get('/healthz', (_req, res) => res.send('ok'));
  return app;
});
