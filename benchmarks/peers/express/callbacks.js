'use strict';
// The Node receiver: Express and better-sqlite3, one commit per request, fsynced before the 204.
const express = require('express');
const Database = require('better-sqlite3');

require('./cluster')(() => {
  const db = new Database(process.env.DATABASE, { timeout: 10000 });
  db.pragma('journal_mode = WAL');
  db.pragma('synchronous = FULL');
  db.exec(`CREATE TABLE IF NOT EXISTS callbacks (
    session_id TEXT, state TEXT, body TEXT, received_at TEXT DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (session_id, state))`);
  const insert = db.prepare(
    'INSERT OR IGNORE INTO callbacks (session_id, state, body) VALUES (?, ?, ?)');

  const app = express().disable('x-powered-by').use(express.json());

  app.post('/callbacks/tryon', (req, res) => {
    const { session_id, state } = req.body ?? {};
    if (typeof session_id !== 'string' || typeof state !== 'string') return res.sendStatus(400);
    insert.run(session_id, state, JSON.stringify(req.body));
    return res.status(204).end();
  });

  app.get('/healthz', (_req, res) => res.send('ok'));
  return app;
});
