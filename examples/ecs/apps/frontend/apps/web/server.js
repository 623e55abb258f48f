// The application: answers its health check, and stops when it is told to.
const http = require('node:http');

// What Prisma's client would be given. The password is never printed.
const database = new URL(process.env.DATABASE_URL);

const server = http.createServer((request, response) => {
  const found = request.url === '/api/health';
  response.writeHead(found ? 200 : 404, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ status: found ? 'ok' : 'not found' }));
});

process.on('SIGTERM', () => server.close(() => process.exit(0)));

server.listen(process.env.PORT ?? 3000, () => {
  const { port } = server.address();
  console.log(`application: listening on ${port}, database ${database.hostname}${database.pathname}${database.search}`);
});
