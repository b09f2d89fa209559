'use strict';
// Two processes on one port, as the Node documentation shows it.
const cluster = require('node:cluster');

module.exports = function serve(makeApp) {
  if (!cluster.isPrimary) {
    makeApp().listen(Number(process.env.PORT), '127.0.0.1');
    return;
  }
  for (let i = 0; i < Number(process.env.WORKERS || 2); i++) cluster.fork();
  // the primary stays to see its workers off
  process.on('SIGTERM', () => Object.values(cluster.workers).forEach((worker) => worker.kill()));
  cluster.on('exit', () => {
    if (Object.keys(cluster.workers).length === 0) process.exit();
  });
};
