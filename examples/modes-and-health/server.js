// The application. What matters here: the primary and the replica are there when it starts.
const { createServer } = require("node:http");

const server = createServer((request, response) => response.end(JSON.stringify({ uptime: process.uptime() })));
server.listen(3000, () => console.log(`digilog listens on port 3000 as process ${process.pid}`));
process.on("SIGTERM", () => server.close(() => process.exit(0)));
