// The application. What matters here: the pipeline has migrated before it starts.
const { createServer } = require("node:http");

const server = createServer((request, response) => response.end("civicbetter\n"));
server.listen(3000, () => console.log(`civicbetter listens on port 3000 as process ${process.pid}`));
process.on("SIGTERM", () => server.close(() => process.exit(0)));
