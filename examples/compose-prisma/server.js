// The application. What matters here: it knows nothing of migrations, and it answers SIGTERM itself.
const { createServer } = require("node:http");

const server = createServer((request, response) => response.end("goal-tracker\n"));
server.listen(3000, () => console.log(`goal-tracker listens on port 3000 as process ${process.pid}`));
process.on("SIGTERM", () => server.close(() => process.exit(0)));
