// A background worker. What matters here: the schema it was written for is there when it starts.
console.log(`digilog's worker runs as process ${process.pid}`);
const heartbeat = setInterval(() => {}, 60_000);
process.on("SIGTERM", () => clearInterval(heartbeat));
